let offset = 0
let stoppedAt: number | undefined

/** Learns the time of the server from a message that was just received: dates of the page are those of the server. */
export function setServerTime(now: number): void {
  offset = now - Date.now()
  stoppedAt = undefined
}

/** Lets the clock stand still until the server is heard again: nobody tells what goes on. */
export function stopServerTime(): void {
  stoppedAt ??= serverNow()
}

/** The time of the server in ms since 1970. */
export const serverNow = (): number => stoppedAt ?? Date.now() + offset
