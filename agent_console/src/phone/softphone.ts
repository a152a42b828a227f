import * as JsSIP from "jssip";
import type { EndEvent, RTCSession } from "jssip/lib/RTCSession";
import type { IncomingRTCSessionEvent, RTCSessionEvent } from "jssip/lib/UA";
import { reactive } from "vue";

import type { PhoneSettings } from "../api/types";
import { withOpusBitrate } from "./opus";

/** What the telephone's link to the exchange is. A telephone that only calls is `ready` without registering. */
export type LinkState = "off" | "connecting" | "ready" | "refused";
export type Trouble = "" | "insecure" | "mic_refused" | "mic_missing" | "mic_failed" | "call_failed";

export interface PhoneCall {
  readonly direction: "in" | "out";
  readonly number: string;
  phase: "ringing" | "calling" | "connecting" | "talking";
  /** When the call was answered, this browser's clock in milliseconds. */
  talkingSince_ms: number;
  muted: boolean;
  keys: string;
}

export interface PhoneState {
  link: LinkState;
  call: PhoneCall | null;
  trouble: Trouble;
  /** JsSIP's name of why the last call ended, "" before the first one. */
  lastEnd: string;
}

/**
 * No automatic gain: it drives speech to the limit, where the recording clips. No noise suppression: it reshapes speech,
 * and the recogniser hears worse (docs/figures.md); against a loud room a headset's own microphone is what helps.
 */
const MICROPHONE = { echoCancellation: true, noiseSuppression: false, autoGainControl: false };
const MEDIA = { mediaConstraints: { audio: MICROPHONE, video: false }, pcConfig: { iceServers: [] } };
/** After the first candidate, how long to wait for better ones before the description is sent. */
const ICE_GRACE_MS = 60;
const DECLINED = 603;
const BUSY_HERE = 486;

/** One SIP telephone of this page: one line, one call at a time. */
export class Softphone {
  readonly state = reactive<PhoneState>({ link: "off", call: null, trouble: "", lastEnd: "" });
  private ua: JsSIP.UA | undefined;
  private session: RTCSession | undefined;
  private readonly audio = new Audio();
  private settings: PhoneSettings | undefined;

  constructor() {
    this.audio.autoplay = true;
  }

  start(settings: PhoneSettings): void {
    this.stop();
    this.settings = settings;
    if (!microphonePossible()) this.state.trouble = "insecure";
    const ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(settings.url)],
      uri: `sip:${settings.user}@${settings.domain}`,
      password: settings.password,
      register: settings.register_phone,
      register_expires: 120,
      // Session timers would re-negotiate a conversation under way.
      session_timers: false,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 8,
    });
    this.ua = ua;
    this.state.link = "connecting";
    const link = (state: LinkState) => () => ua === this.ua && (this.state.link = state);
    ua.on("connecting", link("connecting"));
    ua.on("connected", link(settings.register_phone ? "connecting" : "ready"));
    ua.on("disconnected", link("connecting"));
    ua.on("registered", link("ready"));
    ua.on("unregistered", link("connecting"));
    ua.on("registrationFailed", link("refused"));
    ua.on("newRTCSession", (event: RTCSessionEvent) => {
      if (event.originator === "remote") this.takeIncoming(event as IncomingRTCSessionEvent);
    });
    ua.start();
  }

  /** End the call, unregister and close. */
  stop(): void {
    const ua = this.ua;
    this.ua = undefined;
    this.session = undefined;
    ua?.stop();
    Object.assign(this.state, { link: "off", call: null, trouble: "" });
    this.audio.srcObject = null;
  }

  answer(): void {
    const call = this.state.call;
    if (!this.session || call?.phase !== "ringing") return;
    call.phase = "connecting";
    this.session.answer(MEDIA);
  }

  /** Dial. The microphone is asked for first, so that a refusal is told before anything rings. */
  async dial(number: string): Promise<void> {
    if (!this.ua || !this.settings || this.state.call) return;
    this.state.call = outgoing(number);
    if (!(await this.askMicrophone()) || !this.ua) {
      this.state.call = null;
      return;
    }
    const session = this.ua.call(`sip:${encodeURIComponent(number)}@${this.settings.domain}`, MEDIA);
    this.follow(session);
  }

  /** Reject what rings, or end what is under way. */
  hangUp(): void {
    if (!this.session || this.session.isEnded()) return;
    this.session.terminate(this.state.call?.phase === "ringing" ? { status_code: DECLINED } : {});
  }

  toggleMute(): void {
    const call = this.state.call;
    if (!this.session || call?.phase !== "talking") return;
    if (call.muted) this.session.unmute({ audio: true });
    else this.session.mute({ audio: true });
    call.muted = !call.muted;
  }

  /** Send one key: in the voice stream (RFC 4733) where that was agreed, else as SIP INFO. */
  press(key: string): void {
    const call = this.state.call;
    if (!this.session?.isEstablished() || !call) return;
    const inVoice = this.session.connection.getSenders().some((sender) => sender.dtmf?.canInsertDTMF);
    this.session.sendDTMF(key, {
      duration: 120,
      interToneGap: 80,
      transportType: (inVoice ? "RFC2833" : "INFO") as JsSIP.C.DTMF_TRANSPORT,
    });
    call.keys += key;
  }

  /** Ask for the microphone now, so that nothing has to be asked when a call comes. False: see `state.trouble`. */
  async askMicrophone(): Promise<boolean> {
    if (!microphonePossible()) {
      this.state.trouble = "insecure";
      return false;
    }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      for (const track of stream.getTracks()) track.stop();
    } catch (error) {
      this.state.trouble = microphoneTrouble(error);
      return false;
    }
    this.state.trouble = "";
    return true;
  }

  private takeIncoming({ session, request }: IncomingRTCSessionEvent): void {
    if (this.session) {
      session.terminate({ status_code: BUSY_HERE });
      return;
    }
    this.state.call = {
      direction: "in",
      number: request.from.uri.user ?? "",
      phase: "ringing",
      talkingSince_ms: 0,
      muted: false,
      keys: "",
    };
    this.follow(session);
  }

  private follow(session: RTCSession): void {
    this.session = session;
    const mine = (run: (call: PhoneCall) => void) => () => {
      if (session === this.session && this.state.call) run(this.state.call);
    };
    session.on("peerconnection", ({ peerconnection }) => this.hear(peerconnection));
    if (session.connection) this.hear(session.connection);
    let grace = 0;
    session.on("icecandidate", ({ candidate, ready }) => {
      if (!grace && candidate.type !== "relay") grace = window.setTimeout(ready, ICE_GRACE_MS);
    });
    session.on("sdp", (event: { originator: string; sdp: string }) => {
      if (event.originator === "remote") event.sdp = withOpusBitrate(event.sdp);
    });
    session.on("getusermediafailed", (error: unknown) => (this.state.trouble = microphoneTrouble(error)));
    const talking = mine((call) => {
      if (call.phase === "talking") return;
      call.phase = "talking";
      call.talkingSince_ms = Date.now();
      this.state.trouble = "";
    });
    session.on("accepted", talking);
    session.on("confirmed", talking);
    session.on("ended", (event: EndEvent) => this.over(session, event.cause));
    session.on("failed", (event: EndEvent) => {
      const tried = this.state.call?.direction === "out" || this.state.call?.phase === "connecting";
      const wanted = event.originator === "local" && event.cause !== JsSIP.C.causes.USER_DENIED_MEDIA_ACCESS;
      if (session === this.session && tried && !wanted && !this.state.trouble) this.state.trouble = "call_failed";
      this.over(session, event.cause);
    });
  }

  private hear(connection: RTCPeerConnection): void {
    connection.ontrack = ({ track, streams }) => {
      this.audio.srcObject = streams[0] ?? new MediaStream([track]);
      // Refused only where the user has not touched the page yet; answering is a touch.
      this.audio.play().catch(() => undefined);
    };
  }

  private over(session: RTCSession, cause: string): void {
    if (session !== this.session) return;
    this.session = undefined;
    this.state.call = null;
    this.state.lastEnd = cause;
    this.audio.srcObject = null;
  }
}

function outgoing(number: string): PhoneCall {
  return { direction: "out", number, phase: "calling", talkingSince_ms: 0, muted: false, keys: "" };
}

/** Browsers give the microphone to HTTPS pages and to this machine's own pages only. */
export function microphonePossible(): boolean {
  return window.isSecureContext && !!navigator.mediaDevices;
}

function microphoneTrouble(error: unknown): Trouble {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "mic_refused";
  return name === "NotFoundError" ? "mic_missing" : "mic_failed";
}
