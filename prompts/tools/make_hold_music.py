"""Composes the hold music `prompts/music/hold.wav`: plucked notes of a pentatonic scale over soft chords.

    python prompts/tools/make_hold_music.py

Needs numpy. Twelve bars of four beats at 72 a minute are 40 s. All is computed on a circle of that length, also the
echo, so that the end runs into the beginning. Nothing lies outside 150-3400 Hz, which every telephone line carries.
"""

# ruff: noqa: T201

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

RATE = 16000
BEAT_S = 60 / 72
BEATS = 48
LENGTH = round(BEATS * BEAT_S * RATE)
RMS = 10 ** (-18 / 20)

# One bar a line: a chord held under it, and the melody as (beat, note); notes are MIDI numbers.
BARS: list[tuple[tuple[int, ...], list[tuple[float, int]]]] = [
    ((53, 60, 65), [(0, 77), (1, 74), (1.5, 72), (2, 69)]),
    ((50, 57, 65), [(0, 72), (1, 74), (2, 69), (3, 67)]),
    ((46, 58, 65), [(0, 65), (1, 67), (1.5, 69), (2, 74)]),
    ((48, 55, 64), [(0, 72), (2, 67), (3, 69)]),
    ((53, 60, 65), [(0, 72), (1, 77), (1.5, 79), (2, 81)]),
    ((50, 57, 65), [(0, 79), (0.5, 77), (1, 74), (2, 77)]),
    ((46, 58, 65), [(0, 74), (1, 72), (1.5, 69), (2, 67)]),
    ((48, 55, 64), [(0, 69), (1, 67), (2, 72)]),
    ((50, 57, 65), [(0, 69), (0.5, 72), (1, 74), (2, 77)]),
    ((46, 58, 65), [(0, 74), (1, 77), (2, 72)]),
    ((48, 55, 67), [(0, 67), (1, 69), (1.5, 72), (2, 74), (3, 72)]),
    ((53, 60, 65), [(0, 69), (1, 67), (2, 65)]),
]


def frequency(note: int) -> float:
    return float(440 * 2 ** ((note - 69) / 12))


def add(track: np.ndarray, sound: np.ndarray, beat: float) -> None:
    """Mix `sound` into the circle, beginning at `beat`."""
    place = (round(beat * BEAT_S * RATE) + np.arange(len(sound))) % LENGTH
    track[place] += sound  # no sound is as long as the circle, so that no place occurs twice


def pluck(note: int) -> np.ndarray:
    """A plucked string of 3 s: the higher the partial, the sooner it fades."""
    t = np.arange(3 * RATE) / RATE
    base = frequency(note)
    partials = range(1, int(3300 / base) + 1)
    sound = sum(np.sin(2 * np.pi * base * k * t) * np.exp(-t * (1.6 + 1.1 * k)) / k**1.6 for k in partials)
    return sound * np.minimum(1, t / 0.008) * np.minimum(1, (3 - t) / 0.2)


def chord(notes: tuple[int, ...]) -> np.ndarray:
    """Soft tones over one bar, swelling and fading into the next one."""
    t = np.arange(round(6 * BEAT_S * RATE)) / RATE
    swell = np.sin(np.pi * t / t[-1]) ** 2
    voices = (np.sin(2 * np.pi * frequency(n) * t) + 0.3 * np.sin(4 * np.pi * frequency(n) * t) for n in notes)
    return sum(voices) * swell


def echo(track: np.ndarray) -> np.ndarray:
    """A few quiet repeats round the circle, as in a hall."""
    return track + sum(g * np.roll(track, round(s * RATE)) for s, g in ((0.061, 0.2), (0.137, 0.15), (0.243, 0.1)))


def telephone_band(track: np.ndarray) -> np.ndarray:
    spectrum = np.fft.rfft(track)
    hz = np.fft.rfftfreq(len(track), 1 / RATE)
    return np.fft.irfft(spectrum * np.clip((hz - 120) / 60, 0, 1) * np.clip((3500 - hz) / 300, 0, 1), len(track))


def main() -> None:
    track = np.zeros(LENGTH)
    for bar, (notes, melody) in enumerate(BARS):
        add(track, 0.16 * chord(notes), 4 * bar - 1)
        for beat, note in melody:
            add(track, 0.5 * pluck(note), 4 * bar + beat)
    track = telephone_band(echo(track))
    track *= RMS / np.sqrt(np.mean(track**2))
    if np.abs(track).max() > 10 ** (-3 / 20):
        raise SystemExit("The music would be louder than -3 dBFS: make the plucked notes softer.")
    path = Path(__file__).parents[1] / "music" / "hold.wav"
    with wave.open(str(path), "wb") as wav:
        wav.setparams((1, 2, RATE, 0, "NONE", ""))
        wav.writeframes(np.round(track * 32767).astype("<i2").tobytes())
    print(f"{path}: {LENGTH / RATE:.1f} s, peak {20 * np.log10(np.abs(track).max()):.1f} dBFS")


if __name__ == "__main__":
    main()
