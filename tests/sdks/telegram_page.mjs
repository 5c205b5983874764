// The page's drawer with a browser of three lines: what it draws, as a tree of JSON.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { runInNewContext } from "node:vm";

const window = {};
runInNewContext(readFileSync(process.env.PAGE, "utf-8"), { window });
const pressed = [];
const el = (tag, attributes = {}, ...children) => ({ tag, attributes, children: children.filter((child) => child !== "") });
const tools = {
  el,
  safe: (url) => (/^https?:\/\//.test(url) ? url : "about:blank"),
  press: async (...what) => void pressed.push(what),
};

function find(node, label) {
  if (typeof node === "string") return null;
  if (node.children[0] === label && node.attributes.on) return node;
  return node.children.map((child) => find(child, label)).find(Boolean) || null;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { person, message, press, media } = JSON.parse(line);
  const tree = window.drawers.telegram(person, message, { ...tools, ...(media ? { media: (id) => media + id } : {}) });
  if (press) await find(tree, press).attributes.on.click();
  console.log(JSON.stringify({ tree, pressed }));
}
