// @wecom/crypto as a second opinion on callback envelopes, line by line.
import { createInterface } from "node:readline";
import { decrypt, encrypt, getSignature } from "@wecom/crypto";

const { TOKEN, AES_KEY } = process.env;
const verbs = {
  encrypt: ({ message, id }) => encrypt(AES_KEY, message, id),
  decrypt: ({ message }) => decrypt(AES_KEY, message),
  sign: ({ timestamp, nonce, message }) => getSignature(TOKEN, timestamp, nonce, message),
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  console.log(JSON.stringify({ answer: verbs[asked.verb](asked) }));
}
