// grammY as a bot of its own against the simulated Bot API, line by line.
import { createInterface } from "node:readline";
import { Bot, GrammyError, InputFile } from "grammy";

const { TOKEN, API_ROOT } = process.env;
const bot = new Bot(TOKEN, { client: { apiRoot: API_ROOT } });
const print = (line) => console.log(JSON.stringify(line));

bot.on("callback_query:data", async (ctx) => {
  await ctx.answerCallbackQuery({ text: "收到", show_alert: true });
  await ctx.editMessageText("已处理");
  print({ heard: "press", data: ctx.callbackQuery.data, from: ctx.from.id });
});
bot.on("message:text", (ctx) => print({ heard: "text", text: ctx.message.text }));
bot.on("message:photo", async (ctx) => {
  const file = await ctx.getFile();
  const answer = await fetch(`${API_ROOT}/file/bot${TOKEN}/${file.file_path}`);
  const bytes = Buffer.from(await answer.arrayBuffer()).toString("hex");
  print({ heard: "photo", caption: ctx.message.caption, bytes });
});
bot.on("my_chat_member", (ctx) => print({ heard: "member", status: ctx.myChatMember.new_chat_member.status }));

const verbs = {
  raw: ({ method, payload }) => (payload ? bot.api.raw[method](payload) : bot.api.raw[method]()),
  photo: ({ chat, hex, caption }) =>
    bot.api.sendPhoto(chat, new InputFile(Buffer.from(hex, "hex"), "p.jpg"), { caption }),
  document: ({ chat, hex }) => bot.api.sendDocument(chat, new InputFile(Buffer.from(hex, "hex"), "表.csv")),
  start: () => new Promise((resolve) => bot.start({ onStart: (me) => resolve(me.username) })),
  stop: () => bot.stop(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  try {
    print({ answer: (await verbs[asked.verb](asked)) ?? null });
  } catch (problem) {
    if (!(problem instanceof GrammyError)) throw problem;
    const { error_code, description, parameters } = problem;
    print({ refused: { error_code, description, parameters } });
  }
}
