import { clock } from '../clock.ts'

let time = 0
let count = 0

/** Makes a UUID of version 7: those of a process are in the order in which they were made. https://www.rfc-editor.org/rfc/rfc9562#section-5.7 */
export function callId(): string {
  const now = clock.date()
  if (now > time) [time, count] = [now, 0]
  else if (++count > 0xfff) [time, count] = [time + 1, 0]
  const date = time.toString(16).padStart(12, '0')
  return `${date.slice(0, 8)}-${date.slice(8)}-7${count.toString(16).padStart(3, '0')}-${crypto.randomUUID().slice(19)}`
}
