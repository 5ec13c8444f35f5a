// The signature as a provider's guide has it checked: HMAC-SHA256 of the raw body, in hex, compared in constant time.
import { createHmac, timingSafeEqual } from "node:crypto";

const secret = process.env.WEBHOOK_SECRET;

export function isAuthentic(body, header) {
  const given = Buffer.from(header ?? "");
  const wanted = Buffer.from("sha256=" + createHmac("sha256", secret).update(body).digest("hex"));
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
