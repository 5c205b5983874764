// Every sentence the device says by itself, in the server's form: what happened, why, what now.
// Not for sentences of the server: those come with its answers.

import type { Message } from './frames.ts';

function error(code: string, text: string, en: string): Message {
  return { level: 'error', code, text, en };
}

export const storageClosed = error('storage_closed',
  '这台枪存不了东西：浏览器不让本页用存储，断网或没电就会丢。退出无痕模式、清出空间后重新打开本页。',
  'This scanner keeps nothing: no storage in this browser. Leave private mode, free space.');

export const storageFull = error('storage_full',
  '没有记下：这台枪的存储满了。先联网等上传完，再做这一步。',
  'Not recorded: the storage of this scanner is full. Go online, wait for the upload, try again.');

export const photoNotKept = error('storage_full',
  '照片没存下：这台枪的存储满了，文字不受影响。先提交文字，联网后再补照片。',
  'The photo was not kept: storage is full. Submit the text now and add the photo when online.');

export const setAside = error('set_aside',
  '这一条没有入账：服务器处理它时出错多次，已放到一边，后面的照常上传。把它导出给主管，或改后重发。',
  'Not posted: the server broke on it several times; it is set aside. Export it, or mend it.');

export const tooLarge = error('too_large',
  '这一条没有上传：内容太大，服务器不收。减少内容后重发。',
  'Not sent: it is larger than the server takes. Make it smaller and send it again.');

export const maybeDone = (reason: string): Message => ({
  level: 'warn', code: 'maybe_done',
  text: `已放弃（${reason}）：它发出过但没等到回音，服务器可能已入账。请到账上核对一次。`,
  en: `Given up (${reason}): it was sent and not answered, so it may be posted. Please check.`,
});

export const givenUp = (reason: string): Message => ({
  level: 'info', code: 'given_up',
  text: `已放弃（${reason}）：没有发出过，账上没有这一条。`,
  en: `Given up (${reason}): it was never sent, nothing was posted.`,
});

export const redone = (before: Message | null): Message => ({
  level: 'warn', code: 'redone',
  text: `这一步后来由别人重做了，你的这一条不再上传。原来没入账的原因：${before?.text ?? ''}`,
  en: `Done anew by somebody else; yours is not sent any more. Not posted: ${before?.en ?? ''}`,
});

export const deviceRevoked = (kept: number): Message => error('device_revoked',
  '这台枪已停用：主管撤销了登记。请主管重新登记' +
    (kept ? `；没上传的 ${kept} 条都留在枪里，本人登录后自动补传。` : '。'),
  'This scanner was stopped by a supervisor. Have it enrolled again' +
    (kept ? `: ${kept} records are kept here and go out when their people sign in.` : '.'));

export const originRefused = error('origin_refused',
  '连不上：服务器不认本页的网址。请用主管给的网址打开。',
  'Refused: the server does not know the address of this page. Open the address you were given.');

export const pageOld = error('page_old',
  '这一页是旧版：服务器已升级。点「更新」重新打开，没上传的都还在。',
  'This page is out of date. Tap update to load it again; nothing is lost.');

export const needsSignIn = error('needs_sign_in',
  '还没有登录：不知道是谁做的。扫工牌并输入 PIN。',
  'Nobody is signed in. Scan your badge and enter the PIN.');

export const noAnswer = error('no_answer',
  '没有做成：服务器没有回音，网络可能断了。看到「在线」后再试一次。',
  'Not done: no answer from the server. Try again when the strip says online.');

/** The server, or the state of the device, said no. */
export class Refused extends Error {
  constructor(readonly said: Message) {
    super(said.code);
  }
}
