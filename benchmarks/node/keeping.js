// One row for each webhook, by a prepared statement from a pool; the database is the one that the PG variables name.
import { createHash } from "node:crypto";
import pg from "pg";

const pool = new pg.Pool({ max: 32 });

const KEEP = `
  insert into plain_events (source, delivery, body_hash, kind, post, occurred_at, headers, body)
  values ('sosyalkopru', $1, $2, $3, $4, $5, $6, $7)
  on conflict do nothing`;

export async function keep(headers, body) {
  const said = JSON.parse(body);
  const hash = createHash("sha256").update(body).digest();
  const values = [
    headers["x-sosyalkopru-delivery"], hash, said.event, said.data.postId, said.timestamp, JSON.stringify(headers), body,
  ];
  const { rowCount } = await pool.query({ name: "keep", text: KEEP, values });
  return rowCount === 1;
}
