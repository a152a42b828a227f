/** Sounds made by the browser itself: the ring of an agent's telephone, and the tones of the keys. */
import { ref } from "vue";

/** What the browser's tab says of a call that rings; "" when none does. */
export const ringing = ref("");

let context: AudioContext | undefined;
let ringTimer = 0;

/** Browsers allow sound only after the page has been touched: call this once at start. */
export function unlockSounds(): void {
  const unlock = () => void ready().resume();
  window.addEventListener("pointerdown", unlock, { once: true });
  window.addEventListener("keydown", unlock, { once: true });
}

export function startRinging(): void {
  if (ringTimer) return;
  const once = () => {
    tone([440, 480], 0, 0.4, 0.12);
    tone([440, 480], 0.6, 0.4, 0.12);
  };
  once();
  ringTimer = window.setInterval(once, 3000);
}

export function stopRinging(): void {
  window.clearInterval(ringTimer);
  ringTimer = 0;
}

const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477];
const KEYS = "123456789*0#";

/** What the one who presses hears; the key itself is sent by the telephone. */
export function keyTone(key: string): void {
  const place = KEYS.indexOf(key);
  if (place < 0) return;
  tone([ROWS[Math.floor(place / 3)] ?? 0, COLUMNS[place % 3] ?? 0], 0, 0.14, 0.06);
}

function ready(): AudioContext {
  return (context ??= new AudioContext());
}

function tone(frequencies_hz: number[], after_s: number, length_s: number, volume: number): void {
  const sound = ready();
  if (sound.state !== "running") return;
  const start = sound.currentTime + after_s;
  const gain = sound.createGain();
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(volume, start + 0.02);
  gain.gain.setValueAtTime(volume, start + length_s - 0.03);
  gain.gain.linearRampToValueAtTime(0, start + length_s);
  gain.connect(sound.destination);
  for (const frequency of frequencies_hz) {
    const oscillator = sound.createOscillator();
    oscillator.frequency.value = frequency;
    oscillator.connect(gain);
    oscillator.start(start);
    oscillator.stop(start + length_s);
  }
}
