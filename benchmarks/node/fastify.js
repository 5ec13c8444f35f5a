// `node fastify.js PORT`: the same as express.js with `keep`, on Fastify.
import fastify from "fastify";
import { keep } from "./keeping.js";
import { isAuthentic } from "./signature.js";

const app = fastify();
app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => done(null, body));

app.post("/webhooks/sosyalkopru", async (request, reply) => {
  if (!isAuthentic(request.body, request.headers["x-sosyalkopru-signature"])) {
    return reply.code(401).send({ error: "İmza geçersiz" });
  }
  return (await keep(request.headers, request.body)) ? { received: true } : { received: true, duplicate: true };
});

await app.listen({ port: Number(process.argv[2]), host: "127.0.0.1" });
