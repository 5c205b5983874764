// The official npm dingtalk-stream against a gateway of ours. Its address is a constant of the SDK,
// so it is turned aside where the SDK asks for it: in axios, by the hook axios has for that.
import { createInterface } from "node:readline";
import axios from "axios";
import { DWClient, EventAck, TOPIC_CARD, TOPIC_ROBOT } from "dingtalk-stream";

const { BASE, CLIENT_ID, SECRET } = process.env;
console.info = console.warn = console.error; // stdout is for our lines
axios.interceptors.request.use((config) => {
  config.url = config.url.replace("https://api.dingtalk.com", BASE);
  return config;
});

const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");
const client = new DWClient({ clientId: CLIENT_ID, clientSecret: SECRET });

client.registerCallbackListener(TOPIC_CARD, (frame) => {
  const data = JSON.parse(frame.data);
  const params = JSON.parse(data.content).cardPrivateData.params;
  client.socketCallBackResponse(frame.headers.messageId, {
    cardUpdateOptions: { updateCardDataByKey: true, updatePrivateDataByKey: true },
    userPrivateData: { cardParamMap: { note: "npm: " + params.data } },
  });
  say({ heard: "card", user: data.userId, track: data.outTrackId, data: params.data });
});
client.registerCallbackListener(TOPIC_ROBOT, (frame) => {
  const data = JSON.parse(frame.data);
  client.socketCallBackResponse(frame.headers.messageId, "OK");
  say({ heard: "message", user: data.senderStaffId, text: data.text.content });
});
client.registerAllEventListener((frame) => {
  say({ heard: "event", topic: frame.headers.topic, kind: frame.headers.eventType });
  return { status: EventAck.SUCCESS, message: "ok" };
});

await client.connect();
say({ heard: "connected" });
for await (const line of createInterface({ input: process.stdin })) say({ heard: line });
