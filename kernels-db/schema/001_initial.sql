-- Everything that tuning learns. `trial` is one configuration tried for one op on one target at one
-- tuning point; `best` derives the winners, so that there is one truth about what wins.

CREATE TABLE op (
  id          INTEGER PRIMARY KEY,
  hash        TEXT NOT NULL UNIQUE CHECK (length(hash) = 32),
  kind        TEXT NOT NULL,
  description TEXT NOT NULL -- canonical JSON, the text that `hash` is of
) STRICT;

CREATE INDEX op_kind ON op (kind);

CREATE TABLE target (
  id            INTEGER PRIMARY KEY,
  arch          TEXT NOT NULL,
  compute_units INTEGER NOT NULL CHECK (compute_units >= 0),
  UNIQUE (arch, compute_units)
) STRICT;

CREATE TABLE config (
  id   INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE -- canonical text, "block_n=64,kv_splits=8"
) STRICT;

-- Machine code under the hash of its bytes.
CREATE TABLE code (
  hash       TEXT PRIMARY KEY CHECK (length(hash) = 32),
  bytes      BLOB NOT NULL,
  created_at TEXT NOT NULL
) STRICT;

-- How code is launched, for what it was compiled for: two ops, configurations or architectures may
-- give the same bytes and yet other grids or arguments. The resources repeat what `metadata` says,
-- as the largest value over the kernels, so that SQL can rank by them.
CREATE TABLE code_object (
  code_hash     TEXT NOT NULL REFERENCES code (hash),
  op_hash       TEXT NOT NULL CHECK (length(op_hash) = 32),
  arch          TEXT NOT NULL,
  config_text   TEXT NOT NULL,
  metadata      TEXT NOT NULL,
  metadata_hash TEXT NOT NULL CHECK (length(metadata_hash) = 32),
  scratch_bytes INTEGER NOT NULL,
  lds_bytes     INTEGER NOT NULL,
  vector_regs   INTEGER NOT NULL,
  scalar_regs   INTEGER NOT NULL,
  PRIMARY KEY (code_hash, op_hash, arch, config_text)
) STRICT, WITHOUT ROWID;

-- `code_hash` and `source` are empty until known. A row may name code that is not stored: only
-- winners need their code.
CREATE TABLE trial (
  id                INTEGER PRIMARY KEY,
  op_id             INTEGER NOT NULL REFERENCES op (id),
  target_id         INTEGER NOT NULL REFERENCES target (id),
  tuning_point      TEXT NOT NULL, -- canonical JSON of the sizes
  config_id         INTEGER NOT NULL REFERENCES config (id),
  compiler_revision TEXT NOT NULL,
  code_hash         TEXT NOT NULL CHECK (length(code_hash) IN (0, 32)),
  source            TEXT NOT NULL CHECK (source IN ('', 'measured', 'simulated', 'model')),
  state             TEXT NOT NULL CHECK (state IN ('queued', 'running', 'ok', 'failed', 'timed_out',
                                                   'crashed', 'wrong', 'interrupted')),
  error             TEXT NOT NULL,
  owner             TEXT NOT NULL, -- the process that is running it; empty otherwise
  verified          INTEGER CHECK (verified IN (0, 1)), -- NULL: never compared with the reference
  max_error         REAL,
  verified_cases    INTEGER,
  verified_detail   TEXT,
  created_at        TEXT NOT NULL,
  UNIQUE (op_id, target_id, tuning_point, config_id, compiler_revision, code_hash, source)
) STRICT;

CREATE INDEX trial_state ON trial (state);

CREATE TABLE measurement (
  trial_id  INTEGER PRIMARY KEY REFERENCES trial (id) ON DELETE CASCADE,
  device    TEXT NOT NULL,
  method    TEXT NOT NULL,
  median_us REAL NOT NULL CHECK (median_us > 0),
  low_us    REAL NOT NULL CHECK (low_us >= 0 AND low_us <= median_us),
  high_us   REAL NOT NULL CHECK (high_us >= median_us),
  samples   INTEGER NOT NULL CHECK (samples >= 0),
  flops     REAL NOT NULL,
  bytes     REAL NOT NULL
) STRICT;

-- The winner of each (op, target, tuning point). Only verified rows that finished take part, of the
-- most trusted source that has any. Rows whose interval overlaps that of the fastest are not told
-- apart by time: among them the one with stored code, then with fewer resources wins, then the
-- smaller median, then the text of the configuration.
CREATE VIEW best AS
WITH eligible AS (
  SELECT t.id AS trial_id, t.op_id, t.target_id, t.tuning_point, c.text AS config_text,
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
  WHERE t.state = 'ok' AND t.verified = 1 AND t.source <> '' AND t.code_hash <> ''
),
trusted AS (
  SELECT *, MIN(source_rank) OVER (PARTITION BY op_id, target_id, tuning_point) AS best_rank
  FROM eligible
),
timed AS (
  SELECT *, FIRST_VALUE(high_us) OVER (PARTITION BY op_id, target_id, tuning_point
                                       ORDER BY median_us, config_text, trial_id) AS fastest_high_us
  FROM trusted WHERE source_rank = best_rank
),
tied AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY op_id, target_id, tuning_point
                               ORDER BY code_missing, scratch_bytes, lds_bytes, vector_regs,
                                        scalar_regs, median_us, config_text, trial_id) AS place
  FROM timed WHERE low_us <= fastest_high_us
)
SELECT trial_id, op_id, target_id, tuning_point FROM tied WHERE place = 1;
