// A typed t(): two tables, a key or parameter that is missing is a type error.
//   export const say = makeI18n({ 'zh-CN': { left: '还剩 {n} 箱' }, en: { left: '{n} left' } });
//   say.t('left', { n: 3 })
// The chosen language is remembered on the device. Not for sentences of the server: those come
// in both languages (`pick`).

export type Lang = 'zh-CN' | 'en';
type Names<S extends string> = S extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Names<Rest>
  : never;
type Params<S extends string> = [Names<S>] extends [never]
  ? []
  : [params: { [K in Names<S>]: string | number }];
type Table = Record<string, string>;

export interface I18n<T extends Table> {
  t<K extends keyof T & string>(key: K, ...params: Params<T[K]>): string;
  lang(): Lang;
  setLang(lang: Lang): void;
  onLang(listener: (lang: Lang) => void): () => void;
  /** The server's sentence in the chosen language. */
  pick(message: { text: string; en: string }): string;
}

const KEY = 'jieli.lang';

export function makeI18n<const T extends Table>(
  tables: { 'zh-CN': T; en: { [K in keyof T]: string } },
): I18n<T> {
  const listeners = new Set<(lang: Lang) => void>();
  let lang = remembered();
  return {
    t(key, ...params) {
      const values: Record<string, string | number> = params[0] ?? {};
      const text: string = tables[lang][key];
      return text.replace(/\{(\w+)\}/g, (whole, name: string) =>
        name in values ? String(values[name]) : whole);
    },
    lang: () => lang,
    setLang(next) {
      lang = next;
      try {
        localStorage.setItem(KEY, next);
      } catch {
        // Not remembered: the choice still holds for this page.
      }
      listeners.forEach((listener) => listener(next));
    },
    onLang(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    pick: (message) => (lang === 'en' && message.en ? message.en : message.text),
  };
}

function remembered(): Lang {
  try {
    return localStorage.getItem(KEY) === 'en' ? 'en' : 'zh-CN';
  } catch {
    return 'zh-CN';
  }
}
