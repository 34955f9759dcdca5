/** Prints a time in ms: `0.4 ms`, `12 ms`, `2.05 s`, `3 min 4 s`, `2 h 10 min`, `5 d 3 h`. */
export function duration(ms: number): string {
  if (ms < 0.05) return '0 ms'
  if (ms < 9.95) return `${ms.toFixed(1)} ms`
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 9995) return `${(ms / 1000).toFixed(2)} s`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return inTwo(seconds, 60, 'min', 's')
  if (seconds < 86_400) return inTwo(Math.round(seconds / 60), 60, 'h', 'min')
  return inTwo(Math.round(seconds / 3600), 24, 'd', 'h')
}

function inTwo(small: number, size: number, large: string, unit: string): string {
  const rest = small % size
  const whole = `${Math.floor(small / size)} ${large}`
  return rest === 0 ? whole : `${whole} ${rest} ${unit}`
}

const grouped = new Intl.NumberFormat('en')

/** Prints a whole number: `1,203,400`. */
export function count(value: number): string {
  return grouped.format(value)
}

/** Prints a number in few characters: `950`, `1.2k`, `3.4M`. */
export function shortCount(value: number): string {
  if (value < 10 && !Number.isInteger(value)) return value.toFixed(1)
  if (value < 9999.5) return grouped.format(Math.round(value))
  return value < 999_500 ? `${trimmed(value / 1000)}k` : `${trimmed(value / 1e6)}M`
}

const trimmed = (value: number) => (value < 99.95 ? value.toFixed(1).replace('.0', '') : String(Math.round(value)))

/** Prints a number with its noun: `1 task`, `3 tasks`. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : plural}`
}

const clockFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const dateFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })

/** Prints the time of day of a date in ms since 1970: `14:03:21`. */
export function clockTime(date: number): string {
  return clockFormat.format(date)
}

/** Prints a date in full: `27 Nov 2026, 14:03:21.042`. */
export function fullDate(date: number): string {
  return `${dateFormat.format(date)}, ${clockFormat.format(date)}.${String(Math.floor(date % 1000)).padStart(3, '0')}`
}

/** Prints how long ago a date is, by the coarsest unit: `just now`, `12 s ago`, `3 h ago`; `in 5 min` for a date to come. */
export function ago(date: number, now: number): string {
  const ms = now - date
  if (ms > -1000 && ms < 1000) return 'just now'
  const text = coarse(Math.abs(ms))
  return ms < 0 ? `in ${text}` : `${text} ago`
}

function coarse(ms: number): string {
  if (ms < 60_000) return `${Math.round(ms / 1000)} s`
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`
  return ms < 172_800_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 86_400_000)} d`
}
