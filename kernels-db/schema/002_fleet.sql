-- What a fleet needs: under which conditions a time was taken, on which device, whether it still
-- speaks of what the compiler makes, and whose word code rests on. Times of different devices are
-- not compared: they stand side by side, and there is a winner for each device.

DROP VIEW best;

-- The device becomes part of the key of a trial, so both tables are made again.
ALTER TABLE measurement RENAME TO old_measurement;
ALTER TABLE trial RENAME TO old_trial;

-- `code_hash`, `source` and `device` are empty until known. A row may name code that is not stored:
-- only winners need their code.
CREATE TABLE trial (
  id                INTEGER PRIMARY KEY,
  op_id             INTEGER NOT NULL REFERENCES op (id),
  target_id         INTEGER NOT NULL REFERENCES target (id),
  tuning_point      TEXT NOT NULL, -- canonical JSON of the sizes
  config_id         INTEGER NOT NULL REFERENCES config (id),
  compiler_revision TEXT NOT NULL,
  code_hash         TEXT NOT NULL CHECK (length(code_hash) IN (0, 32)),
  source            TEXT NOT NULL CHECK (source IN ('', 'measured', 'simulated', 'model')),
  device            TEXT NOT NULL, -- that the time was taken on
  state             TEXT NOT NULL CHECK (state IN ('queued', 'running', 'ok', 'failed', 'timed_out',
                                                   'crashed', 'wrong', 'interrupted')),
  error             TEXT NOT NULL,
  stale             TEXT NOT NULL, -- why the row says nothing of today's code; empty: it does
  owner             TEXT NOT NULL, -- the process that is running it; empty otherwise
  verified          INTEGER CHECK (verified IN (0, 1)), -- NULL: never compared with the reference
  max_error         REAL,
  verified_cases    INTEGER,
  verified_detail   TEXT,
  created_at        TEXT NOT NULL,
  UNIQUE (op_id, target_id, tuning_point, config_id, compiler_revision, code_hash, source, device)
) STRICT;

CREATE TABLE measurement (
  trial_id    INTEGER PRIMARY KEY REFERENCES trial (id) ON DELETE CASCADE,
  method      TEXT NOT NULL,
  median_us   REAL NOT NULL CHECK (median_us > 0),
  low_us      REAL NOT NULL CHECK (low_us >= 0 AND low_us <= median_us),
  high_us     REAL NOT NULL CHECK (high_us >= median_us),
  samples     INTEGER NOT NULL CHECK (samples >= 0),
  flops       REAL NOT NULL,
  bytes       REAL NOT NULL,
  environment TEXT NOT NULL -- the conditions, canonical JSON
) STRICT;

INSERT INTO trial
SELECT t.id, t.op_id, t.target_id, t.tuning_point, t.config_id, t.compiler_revision, t.code_hash,
       t.source, coalesce(m.device, ''), t.state, t.error, '', t.owner, t.verified, t.max_error,
       t.verified_cases, t.verified_detail, t.created_at
FROM old_trial t LEFT JOIN old_measurement m ON m.trial_id = t.id;

INSERT INTO measurement
SELECT trial_id, method, median_us, low_us, high_us, samples, flops, bytes, '{}'
FROM old_measurement;

DROP TABLE old_measurement;
DROP TABLE old_trial;
CREATE INDEX trial_state ON trial (state);

ALTER TABLE code_object ADD COLUMN trust TEXT NOT NULL DEFAULT 'built'
  CHECK (trust IN ('built', 'signed', 'foreign'));
-- Ed25519 over the hashes of bytes and metadata, the op, the architecture and the configuration.
ALTER TABLE code_object ADD COLUMN signer TEXT NOT NULL DEFAULT '' CHECK (length(signer) IN (0, 64));
ALTER TABLE code_object ADD COLUMN signature TEXT NOT NULL DEFAULT ''
  CHECK (length(signature) IN (0, 128));

-- What a bundle is made for. Empty in ordinary databases.
CREATE TABLE manifest (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The winner of each (op, target, tuning point, device). Only verified rows that finished and are
-- not stale take part, of the most trusted source that has any. Rows whose interval overlaps that
-- of the fastest are not told apart by time: among them the one with stored code, then with fewer
-- resources wins, then the smaller median, then the text of the configuration. `rivals` is how many
-- configurations took part.
CREATE VIEW best AS
WITH eligible AS (
  SELECT t.id AS trial_id, t.op_id, t.target_id, t.tuning_point, c.text AS config_text, t.device,
         t.code_hash,
         CASE t.source WHEN 'measured' THEN 0 WHEN 'simulated' THEN 1 ELSE 2 END AS source_rank,
         m.median_us, m.low_us, m.high_us, o.code_hash IS NULL AS code_missing,
         o.scratch_bytes, o.lds_bytes, o.vector_regs, o.scalar_regs
  FROM trial t
  JOIN measurement m ON m.trial_id = t.id
  JOIN config c ON c.id = t.config_id
  JOIN op ON op.id = t.op_id
  JOIN target ON target.id = t.target_id
  LEFT JOIN code_object o ON o.code_hash = t.code_hash AND o.op_hash = op.hash AND
                             o.arch = target.arch AND o.config_text = c.text
  WHERE t.state = 'ok' AND t.verified = 1 AND t.source <> '' AND t.code_hash <> '' AND t.stale = ''
),
trusted AS (
  SELECT *, MIN(source_rank) OVER (PARTITION BY op_id, target_id, tuning_point) AS best_rank
  FROM eligible
),
timed AS (
  SELECT *, FIRST_VALUE(high_us) OVER (PARTITION BY op_id, target_id, tuning_point, device
                                       ORDER BY median_us, config_text, code_hash)
           AS fastest_high_us,
         COUNT(*) OVER (PARTITION BY op_id, target_id, tuning_point, device) AS rivals
  FROM trusted WHERE source_rank = best_rank
),
tied AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY op_id, target_id, tuning_point, device
                               ORDER BY code_missing, scratch_bytes, lds_bytes, vector_regs,
                                        scalar_regs, median_us, config_text, code_hash) AS place
  FROM timed WHERE low_us <= fastest_high_us
)
SELECT trial_id, op_id, target_id, tuning_point, device, rivals FROM tied WHERE place = 1;
