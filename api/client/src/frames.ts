// The frames a scanner and the server exchange (docs/pda-protocol.md), as types.
// Field names are those of the wire. Not for behaviour: wire.ts sends, queue.ts keeps.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Inputs = { [key: string]: Json };

export interface Message {
  level: 'ok' | 'info' | 'warn' | 'ask' | 'error';
  text: string;
  en: string;
  code: string;
}

export type Sound = 'ok' | 'again' | 'error' | '';

export interface Device { id: number; name: string }
export interface Person { id: number; name: string; roles: string[] }

/** Where a screen stands: copied from an answer into the next operation. */
export interface View { flow: string; state: string; context: Inputs }

export interface Field {
  key: string;
  label: string;
  kind: string;
  required: boolean;
  options: [string, string][];
  free: boolean;
}
export interface Button { key: string; label: string; style: string; inputs: Field[] }

/** One task as the server shows it to everybody. */
export interface Task {
  id: string;
  kind: string;
  title: string;
  subject: string;
  group: string;
  state: 'open' | 'claimed' | 'snoozed' | 'paused' | 'done' | 'cancelled';
  generation: number;
  version: number;
  level: number;
  priority: number | string;
  holder: { id: number; name: string } | null;
  people: number[];
  opened_at: string;
  due_at: string | null;
  due_text: string | null;
  snooze_until: string | null;
  pause_why: string | null;
  lead: string;
  facts: [string, string][];
  buttons: Button[];
  result: string | null;
  repeat_count: number;
  warehouse_id: number | null;
  context: Inputs;
}

/** What the hands did. Without `flow` it belongs to the screen that is shown (wire.view). */
export interface ScanOp {
  t: 'scan'; id: string; code: string; symbology?: string;
  flow?: string; state?: string; context?: Inputs; inputs?: Inputs;
}
export interface SubmitOp {
  t: 'submit'; id: string; action: string;
  flow?: string; state?: string; context?: Inputs; inputs?: Inputs;
  /** Done without a connection: what the books refuse becomes a supervisor's conflict. */
  late?: true;
}
export interface ActOp {
  t: 'act'; id: string; task_id: string; action: string; generation?: number; inputs?: Inputs;
}
export type Operation = ScanOp | SubmitOp | ActOp;

/** A question that changes nothing; its answer is kept nowhere. */
export interface LookOp { t: 'look'; id: string; flow: string; action: string; inputs?: Inputs }

/** An operation as it is sent: frozen at the first sending, so a repeat is the same content. */
export type OpFrame = Operation & { by: number; at: string; after?: string };

export type ClientFrame =
  | { t: 'enrol'; v: 1; code: string; was?: string }
  | { t: 'hello'; v: 1; device_token: string; session?: string; epoch?: string; cursor?: number;
      client?: string }
  | { t: 'sign_in'; id: string; badge: string; pin: string }
  | { t: 'sign_out'; id: string }
  | { t: 'ack'; seq: number }
  | { t: 'ping'; n: number }
  | (LookOp & { by: number })
  | OpFrame;

export interface Reply {
  t: 'reply'; id: string; ok: boolean; flow: string; next_state: string;
  data: Inputs | null; context: Inputs; message: Message; sound: Sound;
  /** Late work that the books refused: a supervisor decides on this task. Final. */
  conflict?: { task_id: string; mine: string; server: string };
}

export type ServerFrame =
  | { t: 'enrolled'; device_token: string; device: Device }
  | { t: 'welcome'; v: number; epoch: string; now: string; heartbeat_seconds: number;
      max_bytes: number; device: Device; person: Person | null }
  | { t: 'signed_in'; id: string; session: string; person: Person }
  | { t: 'signed_out'; id: string | null; message: Message | null }
  | { t: 'inbox'; epoch: string; seq: number; part: number; parts: number; tasks: Task[] }
  | { t: 'event'; after: number; seq: number; kind: string; at: string; task: Task }
  | { t: 'resumed'; epoch: string; seq: number; count: number }
  | Reply
  | { t: 'error'; id: string | null; code: string; message: Message; sound: Sound }
  | { t: 'pong'; n: number; seq: number; now: string };
