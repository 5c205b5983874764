// Files as text, for tests: vite reads them. Not for the product.
declare module '*?raw' {
  const text: string;
  export default text;
}
interface ImportMeta {
  glob(paths: string[], options: object): { [path: string]: unknown };
}
