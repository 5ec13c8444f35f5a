// `node express.js PORT [keep]`: a provider guide's own server, which answers at once; with `keep` it stores first.
import express from "express";
import { isAuthentic } from "./signature.js";

const [port, what] = process.argv.slice(2);
const { keep } = what === "keep" ? await import("./keeping.js") : {};
const app = express();

app.post("/webhooks/sosyalkopru", express.raw({ type: "application/json" }), async (request, response) => {
  if (!isAuthentic(request.body, request.headers["x-sosyalkopru-signature"])) {
    return response.status(401).json({ error: "İmza geçersiz" });
  }
  const isNew = keep ? await keep(request.headers, request.body) : true;
  response.status(200).json(isNew ? { received: true } : { received: true, duplicate: true });
});

app.listen(Number(port), "127.0.0.1");
