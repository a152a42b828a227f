/** Which tab holds an agent's telephone: exactly one, by a Web Lock. */
export interface Holder {
  /** Take the telephone from the tab that holds it. */
  take: () => void;
  /** Let go for good. */
  release: () => void;
}

/**
 * Ask for the telephone called `name`. `held` is told true when this tab has it and false when another one has;
 * when the other tab closes, this one gets it by itself.
 */
export function hold(name: string, held: (mine: boolean) => void): Holder {
  if (!navigator.locks) {
    // Not a secure context, so there is no microphone either, and no telephone to quarrel over.
    held(true);
    return { take: () => undefined, release: () => undefined };
  }
  let over = false;
  let stealing = false;
  let waiting = new AbortController();
  let letGo: () => void = () => undefined;

  const keep = (lock: Lock | null): Promise<void> | undefined => {
    if (!lock || over) return undefined;
    held(true);
    return new Promise((resolve) => (letGo = resolve));
  };

  const stand = async (): Promise<void> => {
    let options: LockOptions = { ifAvailable: true };
    while (!over) {
      try {
        await navigator.locks.request(name, options, keep);
      } catch (error) {
        // Taken by another tab, or the wait was cut short.
        if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
      }
      if (over) return;
      waiting = new AbortController();
      options = stealing ? { steal: true } : { signal: waiting.signal };
      if (!stealing) held(false);
      stealing = false;
    }
  };
  void stand();

  return {
    take: () => {
      stealing = true;
      waiting.abort();
    },
    release: () => {
      over = true;
      waiting.abort();
      letGo();
    },
  };
}
