const nothing = new Int32Array(new SharedArrayBuffer(4))

/** Keeps the thread asleep. @param ms the time in ms */
export function pause(ms: number): void {
  Atomics.wait(nothing, 0, 0, ms)
}
