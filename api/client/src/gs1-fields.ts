// The fields of a GS1 message: every application identifier and the shape of its value, as the GS1
// General Specifications list them (chapter 3). Pure. Not for what a warehouse makes of them.

// A shape is its groups in order. n6 six digits, n1-15 up to fifteen, x… the 82 characters of a
// label, t… the same with %XX%XX as one, day YYMMDD, anything else a regular expression.
const SHAPES: [shape: string, identifiers: string][] = [
  ['n18', '00 8017-8018'],
  ['n14', '01-03'],
  ['x1-20', '10 21-22 243 254 420 4318 7020-7022 710-717 7240 8002 8012'],
  ['day', '11-13 15-17'],
  ['n2', '20 7241'],
  ['x1-28', '235'],
  ['x1-30', '240-241 250-251 400-401 403 4308 4319 7002 7023 8004 90'],
  ['n1-6', '242'],
  ['n13 x0-17', '253'],
  ['n13 n0-12', '255'],
  ['n0-8', '30'],
  ['n6', measures() + ' 3950-3955 4326 7006 8005'],
  ['n1-8', '37'],
  ['n1-15', '3900-3909 3920-3929'],
  ['n3 n1-15', '3910-3919 3930-3939'],
  ['n4', '3940-3943 8111'],
  ['n17', '402'],
  ['n13', '410-417 7001'],
  ['n3 x1-9', '421'],
  ['n3', '422 424 426'],
  ['(?:\\d{3}){1,5}', '423 425'],
  ['x1-3', '427 7008'],
  ['t1-35', '4300-4301 4310-4311 4320'],
  ['t1-70', '4302-4306 4312-4316 7257'],
  ['[A-Z0-9]{2}', '4307 4317'],
  ['n20', '4309'],
  ['[01]', '4321-4323'],
  ['n10', '4324-4325 7003'],
  ['\\d{6}-?', '4330-4333'],
  ['n0-4', '7004'],
  ['x1-12', '7005'],
  ['n6 n6?', '7007'],
  ['x1-10', '7009'],
  ['x1-2', '7010'],
  ['n6 n4?', '7011'],
  ['n3 x1-27', '7030-7039'],
  ['n1 x1 x1 x1', '7040'],
  ['x1-4', '7041'],
  ['x3-30', '7230-7239'],
  ['x1-25', '7242 8013-8014 8020'],
  ['\\d{4}(?:0\\d|1[0-2])(?:[0-2]\\d|3[01])', '7250'],
  ['\\d{4}(?:0\\d|1[0-2])(?:[0-2]\\d|3[01])(?:[01]\\d|2[0-3])[0-5]\\d', '7251'],
  ['n1', '7252'],
  ['t1-40', '7253-7254 7259'],
  ['t1-10', '7255'],
  ['t1-90', '7256'],
  ['\\d/\\d', '7258'],
  ['n4 n5 n3 n1 n1', '8001'],
  ['0 n13 x0-16', '8003'],
  ['n14 n4', '8006 8026'],
  ['x1-34', '8007'],
  ['\\d{2}(?:0\\d|1[0-2])(?:[0-2]\\d|3[01])(?:[01]\\d|2[0-3]) (?:[0-5]\\d){0,2}', '8008'],
  ['x1-50', '8009'],
  ['[A-Z0-9/#-]{5,30}', '8010'],
  ['n1-12', '8011'],
  ['n1-10', '8019'],
  ['[0-9A-Za-z_-]{1,90}', '8030'],
  ['n15', '8040-8041'],
  ['n32', '8042'],
  ['n18-20', '8043'],
  ['x1-70', '8110 8112 8200'],
  ['x1-90', '91-99'],
];

const LABEL = '[!%-?A-Z_a-z"]';
const ESCAPED = `(?:${LABEL}|%[0-9A-Fa-f]{2}%[0-9A-Fa-f]{2})`;
const DAY = '\\d{2}(?:0\\d|1[0-2])(?:[0-2]\\d|3[01])';
const FNC1 = '\u001d';

export interface Element { ai: string; value: string; groups: string[] }

const shapeOf = new Map<string, string>();
const made = new Map<string, RegExp>();

/** Weights, lengths, areas, volumes: 310n … 369n with n decimals. */
function measures(): string {
  const all: string[] = [];
  for (let kind = 310; kind <= 369; kind += 1) {
    if ([317, 318, 319, 338, 339, 358, 359].indexOf(kind) < 0) all.push(`${kind}0-${kind}5`);
  }
  return all.join(' ');
}

function fill(): void {
  for (const [shape, identifiers] of SHAPES) {
    for (const range of identifiers.split(' ')) {
      const [first, last] = range.split('-') as [string, string | undefined];
      for (let at = Number(first); at <= Number(last ?? first); at += 1) {
        shapeOf.set(`0000${at}`.slice(-first.length), shape);
      }
    }
  }
}

function patternOf(shape: string): string {
  if (shape === 'day') return `(${DAY})`;
  const found = /^([nxt])(\d+)(?:-(\d+))?(\??)$/.exec(shape);
  if (!found) return `(${shape})`;
  const [, kind, least, most, perhaps] = found as unknown as [string, 'n' | 'x' | 't', string,
    string | undefined, string];
  const one = { n: '\\d', x: LABEL, t: ESCAPED }[kind];
  return `(${one}{${least}${most ? `,${most}` : ''}})${perhaps}`;
}

function regexp(ai: string, whole: boolean): RegExp {
  const shape = shapeOf.get(ai) as string;
  const key = `${ai}${whole ? '$' : ''}`;
  let found = made.get(key);
  if (!found) {
    const body = shape.split(' ').map(patternOf).join('');
    found = new RegExp(`^${ai}${body}${whole ? '$' : ''}`);
    made.set(key, found);
  }
  return found;
}

/** Every identifier that exists. */
export function identifiers(): string[] {
  if (!shapeOf.size) fill();
  return Array.from(shapeOf.keys()).sort();
}

/** The identifier `text` starts with; no identifier is the beginning of another. */
export function identifierOf(text: string): string {
  if (!shapeOf.size) fill();
  return [2, 3, 4].map((size) => text.slice(0, size)).find((each) => shapeOf.has(each)) ?? '';
}

/** The field at the start of `text`, or, with `whole`, the one that `text` is. */
export function fieldOf(text: string, whole = false): Element | null {
  const ai = identifierOf(text);
  if (!ai) return null;
  const found = regexp(ai, whole).exec(whole ? text : (text.split(FNC1)[0] as string));
  if (!found) return null;
  const groups = found.slice(1).filter((each) => each !== undefined);
  return { ai, value: groups.join(''), groups };
}
