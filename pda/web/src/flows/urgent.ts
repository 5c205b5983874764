// The one-tap form as the server fills it: what may be touched and how, what changed since it was
// shown, what opens it. Pure; the server fills, judges and records what was touched.

export interface Choice {
  value: string;
  text: string;
  why: string;
  why_en: string;
}
export interface Field {
  key: string;
  kind: string;
  label: string;
  label_en: string;
  required: boolean;
  changeable: boolean;
  value: string;
  text: string;
  source: string;
  why: string;
  why_en: string;
  /** Nobody said so: the server assumed it. */
  guess: boolean;
  alternatives: Choice[];
}
export interface Form {
  run_id: string;
  title: string;
  title_en: string;
  fields: Field[];
  ready: boolean;
  sentence: string;
  sentence_en: string;
  told: string[];
  climbs: { at: string; sentence: string; estimated: boolean }[];
}
export interface Done {
  code: string;
  sentence: string;
  told: string[];
}

/** How a field is changed: a number pad, words, one of a few, or not at all. */
export type Editor = 'number' | 'text' | 'choice' | '';

export function editorOf(field: Field): Editor {
  if (!field.changeable) return '';
  if (field.kind === 'quantity') return 'number';
  if (field.kind === 'text') return 'text';
  return field.alternatives.length ? 'choice' : '';
}

/** What the person set by hand, as the server remembers it. */
export function touched(form: Form): Field[] {
  return form.fields.filter((each) => each.source === 'person');
}

export function valueOf(form: Form, key: string): string {
  const found = form.fields.find((each) => each.key === key);
  return found ? found.value : '';
}

/** What a person has to look at again: fields that read otherwise than a moment before. */
export function changes(before: Form, after: Form): { [key: string]: string } {
  const found: { [key: string]: string } = {};
  for (const now of after.fields) {
    const was = before.fields.find((each) => each.key === now.key);
    if (was && was.value !== now.value) found[now.key] = was.text || was.value || '—';
  }
  return found;
}

/** What a route's query brings; anything else in it is left out. */
const OPENS = ['item', 'place', 'warehouse', 'task_id', 'missing', 'note'];
export function openInputs(query: { [key: string]: unknown }): { [key: string]: string } {
  const found: { [key: string]: string } = {};
  for (const key of OPENS) {
    const value = query[key];
    if (typeof value === 'string' && value) found[key] = value;
  }
  return found;
}

/** A change that travels: a quantity goes with the unit it is meant in. */
export function change(form: Form, key: string, value: string): { [key: string]: string } {
  if (key !== 'quantity') return { [key]: value };
  return { quantity: value, unit: valueOf(form, 'unit') };
}
