-- What a fleet needs: under which conditions a time was taken, whether it still speaks of what the
-- compiler makes, and whose word code rests on. Times of different devices are not compared, so
-- there is a winner for each device.

ALTER TABLE measurement ADD COLUMN environment TEXT NOT NULL DEFAULT '{}'; -- canonical JSON
ALTER TABLE trial ADD COLUMN stale TEXT NOT NULL DEFAULT '';
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

DROP VIEW best;

-- The winner of each (op, target, tuning point, device). Only verified rows that finished and are
-- not stale take part, of the most trusted source that has any. Rows whose interval overlaps that
-- of the fastest are not told apart by time: among them the one with stored code, then with fewer
-- resources wins, then the smaller median, then the text of the configuration. `rivals` is how many
-- rows took part.
CREATE VIEW best AS
WITH eligible AS (
  SELECT t.id AS trial_id, t.op_id, t.target_id, t.tuning_point, c.text AS config_text, m.device,
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
                                       ORDER BY median_us, config_text, trial_id) AS fastest_high_us,
         COUNT(*) OVER (PARTITION BY op_id, target_id, tuning_point, device) AS rivals
  FROM trusted WHERE source_rank = best_rank
),
tied AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY op_id, target_id, tuning_point, device
                               ORDER BY code_missing, scratch_bytes, lds_bytes, vector_regs,
                                        scalar_regs, median_us, config_text, trial_id) AS place
  FROM timed WHERE low_us <= fastest_high_us
)
SELECT trial_id, op_id, target_id, tuning_point, device, rivals FROM tied WHERE place = 1;
