import type { AgentOrder, AgentView, BooksView, CallDetail, CallPage, CallSummary, CallbackList, CallbackView, Departments, MarkOrder, MarkView, MarksView, Me, PhoneSettings, Problem, ProposalView, SignIn, TransferOrder, operations } from "./types";

/** Which calls to list. */
export type CallQuery = NonNullable<operations["list_calls"]["parameters"]["query"]>;

/** Which period, intervals and queue to count. */
export type BooksQuery = operations["books"]["parameters"]["query"];

/** What the server, or the network, answered instead of what was asked for. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(problem.en);
  }

  /** The sentence in the language of the page. */
  sentence(locale: string): string {
    return locale === "en" ? this.problem.en : this.problem.zh;
  }
}

const UNREACHABLE: Problem = {
  code: "unreachable",
  zh: "连不上服务器，请检查网络后再试。",
  en: "The server cannot be reached: check the network and try again.",
};

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, UNREACHABLE);
  }
  if (!response.ok) throw new ApiError(response.status, await problemOf(response));
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const problem: Partial<Problem> = await response.json();
    if (problem.code && problem.zh && problem.en) return problem as Problem;
  } catch {
    // A proxy in between answers in HTML; the status is all there is to tell.
  }
  return {
    code: "http",
    zh: `服务器返回错误 ${response.status}，请稍后再试。`,
    en: `The server answered with error ${response.status}: try again later.`,
  };
}

function query(fields: CallQuery | BooksQuery): string {
  const filled = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return new URLSearchParams(filled.map(([key, value]) => [key, String(value)])).toString();
}

export const api = {
  signIn: (given: SignIn) => ask<Me>("POST", "/api/session", given),
  me: () => ask<Me>("GET", "/api/session"),
  signOut: () => ask<void>("DELETE", "/api/session"),
  calls: (fields: CallQuery) => ask<CallPage>("GET", `/api/calls?${query(fields)}`),
  call: (callId: string) => ask<CallDetail>("GET", `/api/calls/${encodeURIComponent(callId)}`),
  earlier: (callId: string) => ask<CallPage>("GET", `/api/calls/${encodeURIComponent(callId)}/earlier`),
  moveUp: (callId: string, reason: string) =>
    ask<CallDetail>("POST", `/api/calls/${encodeURIComponent(callId)}/move-up`, { reason }),
  callbacks: (state: CallbackView["state"] | "") =>
    ask<CallbackList>("GET", `/api/callbacks${state && `?state=${state}`}`),
  closeCallback: (taskId: string, reason: string) =>
    ask<CallbackView>("POST", `/api/callbacks/${encodeURIComponent(taskId)}/close`, { reason }),
  callBack: (taskId: string) => ask<CallbackView>("POST", `/api/callbacks/${encodeURIComponent(taskId)}/call`),
  proposeMark: (callId: string, reason: string) =>
    ask<ProposalView>("POST", `/api/calls/${encodeURIComponent(callId)}/proposal`, { reason }),
  declineMark: (callId: string, reason: string) =>
    ask<ProposalView>("DELETE", `/api/calls/${encodeURIComponent(callId)}/proposal`, { reason }),
  marks: () => ask<MarksView>("GET", "/api/marks"),
  mark: (order: MarkOrder) => ask<MarkView>("POST", "/api/marks", order),
  liftMark: (number: string, reason: string) => ask<MarkView>("DELETE", `/api/marks/${encodeURIComponent(number)}`, { reason }),
  order: (order: AgentOrder["order"]) => ask<AgentView>("POST", "/api/agents/me", { order }),
  departments: () => ask<Departments>("GET", "/api/desk/departments"),
  transfer: (order: Partial<TransferOrder> & Pick<TransferOrder, "kind">) => ask<CallSummary>("POST", "/api/desk/transfer", order),
  books: (fields: BooksQuery) => ask<BooksView>("GET", `/api/books?${query(fields)}`),
  phone: () => ask<PhoneSettings>("GET", "/api/phone"),
  citizenPhone: () => ask<PhoneSettings>("GET", "/api/phone/citizen"),
};

export function booksUrl(fields: BooksQuery): string {
  return `/api/books.csv?${query(fields)}`;
}

export function recordingUrl(callId: string, recordingId: string): string {
  return `/api/calls/${encodeURIComponent(callId)}/recordings/${encodeURIComponent(recordingId)}`;
}
