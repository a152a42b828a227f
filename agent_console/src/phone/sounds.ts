/** Sounds made by the browser itself: the ring of an agent's telephone, ringback, and the tones of the keys. */
import { ref } from "vue";

/** What the browser's tab says of a call that rings; "" when none does. */
export const ringing = ref("");

let context: AudioContext | undefined;

/** Browsers allow sound only after the page has been touched: call this once at start. */
export function unlockSounds(): void {
  const unlock = () => void ready().resume();
  window.addEventListener("pointerdown", unlock, { once: true });
  window.addEventListener("keydown", unlock, { once: true });
}

/** The agent's telephone rings. */
export const bell = cadence([440, 480], [[0, 0.4], [0.6, 0.4]], 3);
/** The other side is being rung: 回铃音 of China's tone plan, 450 Hz, 1 s on, 4 s off, as Asterisk's `indications.conf` has it. */
export const ringback = cadence([450], [[0, 1]], 5);

const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477];
const KEYS = "123456789*0#";

/** What the one who presses hears; the key itself is sent by the telephone. */
export function keyTone(key: string): void {
  const place = KEYS.indexOf(key);
  if (place < 0) return;
  tone([ROWS[Math.floor(place / 3)] ?? 0, COLUMNS[place % 3] ?? 0], 0, 0.14, 0.06);
}

/** A tone that comes again and again, each time in bursts of [after_s, length_s], until it is stopped. */
function cadence(frequencies_hz: number[], bursts: [number, number][], every_s: number) {
  let timer = 0;
  let sounding: OscillatorNode[] = [];
  const once = () => (sounding = bursts.flatMap(([after_s, length_s]) => tone(frequencies_hz, after_s, length_s, 0.12)));
  return {
    start(): void {
      if (timer) return;
      once();
      timer = window.setInterval(once, every_s * 1000);
    },
    stop(): void {
      window.clearInterval(timer);
      timer = 0;
      for (const oscillator of sounding) oscillator.stop();
      sounding = [];
    },
  };
}

function ready(): AudioContext {
  return (context ??= new AudioContext());
}

function tone(frequencies_hz: number[], after_s: number, length_s: number, volume: number): OscillatorNode[] {
  const sound = ready();
  if (sound.state !== "running") return [];
  const start = sound.currentTime + after_s;
  const gain = sound.createGain();
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(volume, start + 0.02);
  gain.gain.setValueAtTime(volume, start + length_s - 0.03);
  gain.gain.linearRampToValueAtTime(0, start + length_s);
  gain.connect(sound.destination);
  return frequencies_hz.map((frequency) => {
    const oscillator = sound.createOscillator();
    oscillator.frequency.value = frequency;
    oscillator.connect(gain);
    oscillator.start(start);
    oscillator.stop(start + length_s);
    return oscillator;
  });
}
