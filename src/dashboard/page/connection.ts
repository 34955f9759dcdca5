/** The state of the connection to the server. */
export interface ConnectionState {
  readonly state: 'connecting' | 'live' | 'lost'
  /** The date of the last event, by the clock of the browser. */
  readonly heardAt?: number
}

/** The times in ms after which a lost connection is tried again, one after the other; the last one stays. */
const pauses = [300, 1000, 2000, 5000]

/** The time in ms after which a server that has told nothing is held for gone: it tells something every second. */
const longestSilence = 8000

/** The functions that take the events by name, and `changed`, which takes each new state. */
export type Listeners = Readonly<Record<string, (data: never) => void>> & {
  readonly changed: (state: ConnectionState) => void
}

/**
 * A connection hears the server's events. It connects again after it was lost. While the page is hidden there is none, and the server has
 * nothing to do.
 */
export class Connection {
  readonly #url: string
  readonly #listeners: Listeners
  #events: EventSource | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #failures = 0
  #isLive = false
  #heardAt: number | undefined

  constructor(url: string, listeners: Listeners) {
    this.#url = url
    this.#listeners = listeners
    document.addEventListener('visibilitychange', this.#follow)
    this.#follow()
  }

  close(): void {
    document.removeEventListener('visibilitychange', this.#follow)
    this.#disconnect()
  }

  readonly #follow = () => {
    if (document.hidden) this.#disconnect()
    else if (this.#events === undefined) this.#connect()
  }

  #connect(): void {
    clearTimeout(this.#timer)
    const events = new EventSource(this.#url)
    this.#events = events
    for (const [name, listener] of Object.entries(this.#listeners)) {
      if (name === 'changed') continue
      events.addEventListener(name, ({ data }: MessageEvent<string>) => {
        this.#heard()
        listener(JSON.parse(data) as never)
      })
    }
    // Browsers wait for seconds before they ask again, and after some answers they do not ask at all.
    events.addEventListener('error', this.#lose)
    this.#watch()
  }

  readonly #lose = () => {
    this.#disconnect()
    this.#tell('lost')
    this.#timer = setTimeout(this.#follow, pauses[Math.min(this.#failures++, pauses.length - 1)])
  }

  #heard(): void {
    this.#watch()
    this.#heardAt = Date.now()
    if (this.#isLive) return
    this.#isLive = true
    this.#failures = 0
    this.#tell('live')
  }

  #watch(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#lose, longestSilence)
  }

  #disconnect(): void {
    clearTimeout(this.#timer)
    this.#events?.close()
    this.#events = undefined
    this.#isLive = false
  }

  #tell(state: ConnectionState['state']): void {
    this.#listeners.changed({ state, ...(this.#heardAt !== undefined && { heardAt: this.#heardAt }) })
  }
}
