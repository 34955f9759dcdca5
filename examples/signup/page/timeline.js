import { byId, duration, element, time } from './element.js'

/** How much time a chart shows at least, in ms: the same for most sign-ups, so that they can be compared. */
const leastSpan = 2400

const words = {
  waiting: 'waits',
  running: 'runs',
  retrying: 'failed, will retry',
  done: 'done',
  failed: 'failed',
  'timed-out': 'timed out',
  cancelled: 'cancelled',
  lost: 'lost',
}

const left = ['waiting', 'running', 'retrying']

const cards = new Map()

/** Shows a sign-up as it is now; the newest is on top. */
export function showSignup(entry) {
  let card = cards.get(entry.id)
  if (card === undefined) {
    card = new Card(entry)
    cards.set(entry.id, card)
    byId('entries').prepend(card.root)
    byId('timeline-empty').hidden = true
  }
  card.update(entry)
  if (!card.over) animate()
}

/** Shows these sign-ups, the oldest first, and no others, as after a reconnection. */
export function showTimeline(entries) {
  frozenAt = undefined
  const ids = new Set(entries.map(({ id }) => id))
  for (const [id, { root }] of cards) {
    if (ids.has(id)) continue
    root.remove()
    cards.delete(id)
  }
  for (const entry of entries) showSignup(entry)
  byId('timeline-empty').hidden = cards.size > 0
}

/** The moment from which on nobody tells what happens. */
let frozenAt

/** Lets the bars stand still until the server is back. */
export function freezeTimeline() {
  frozenAt ??= performance.now()
  for (const card of cards.values()) if (!card.over) card.draw()
}

let frame = 0

/** Lets the bars grow while something is going on. */
function animate() {
  if (frame !== 0) return
  frame = requestAnimationFrame(() => {
    frame = 0
    if (frozenAt !== undefined) return
    const live = [...cards.values()].filter((card) => !card.over)
    for (const card of live) card.draw()
    if (live.length > 0) animate()
  })
}

/** What the client has of the old way. */
function outcomeOf(sent, died) {
  if (sent === undefined) return died === undefined ? ['…', 'left to do'] : ['no answer', 'is what it got']
  return sent.status < 400 ? ['nothing', 'left to do'] : [`error ${sent.status}`, 'is what it got']
}

/** The state of the client, and the words for it. */
function clientOf(sent, died) {
  if (sent !== undefined) return ['done', { waiting: sent.status < 400 ? 'has its answer' : 'got an error' }]
  if (died !== undefined) return ['failed', { waiting: 'got no answer' }]
  return ['running', { waiting: frozenAt === undefined ? 'waits' : 'the server is down' }]
}

/** The sentence that says what was lost and what survived. */
function verdictOf({ steps, processes }) {
  const [first] = processes
  const last = processes.at(-1)
  const names = (list) => list.map(({ name }) => name).join(' and ')
  const lost = steps.filter(({ state }) => state === 'lost')
  const after = steps.filter(({ attempts }) => attempts.some(({ pid }) => pid !== first.pid))
  const waits = steps.filter((step) => step.kept && left.includes(step.state) && !after.includes(step))
  return [
    `kill -9 has ended pid ${first.pid}.`,
    lost.length > 0 && `Lost, for it was only in memory: ${names(lost)}.`,
    after.length > 0 && `Kept in the journal, and run by pid ${last.pid}: ${names(after)}.`,
    waits.length > 0 && `Kept in the journal, and still to run: ${names(waits)}.`,
  ]
    .filter(Boolean)
    .join(' ')
}

const kinds = { failed: 'bar failed', 'timed-out': 'bar failed', killed: 'bar killed' }

class Card {
  #entry
  #heard = 0
  #rows = new Map()
  #waited = element('dd')
  #worked = element('dd')
  #workedTitle = element('dt')
  #flag = element('span', { className: 'flag' })
  #list = element('ol', { className: 'rows' })
  #axis = element('div', { className: 'axis' })
  #reports = element('ul', { className: 'reports' })
  #verdict = element('p', { className: 'verdict' })
  #client = new Row('the client', 'client')
  #server = new Row('the server', 'server')

  constructor(entry) {
    const heading = element('h3', { textContent: entry.name, id: `entry-${entry.id}` })
    const way = entry.way === 'after' ? 'after the answer' : 'the old way'
    this.root = element(
      'article',
      { className: `entry ${entry.way}` },
      element(
        'header',
        { className: 'entry-head' },
        element(
          'div',
          { className: 'who' },
          heading,
          element('p', {}, `${entry.email} · ${time(entry.receivedAt)} · ${way}`),
        ),
        element(
          'dl',
          { className: 'figures' },
          element('div', { className: 'figure waited' }, element('dt', {}, 'the client waited'), this.#waited),
          element('div', { className: 'figure worked' }, this.#workedTitle, this.#worked),
        ),
      ),
      element(
        'div',
        { className: 'chart' },
        element('div', { className: 'row caption' }, element('span'), strip(this.#flag)),
        this.#list,
        this.#axis,
      ),
      this.#verdict,
      this.#reports,
    )
    this.root.setAttribute('aria-labelledby', heading.id)
    this.#list.append(this.#client.root)
  }

  get over() {
    const { sent, steps, processes } = this.#entry
    return (sent ?? processes[0].to) !== undefined && !steps.some(({ state }) => left.includes(state))
  }

  update(entry) {
    const wasLive = this.#entry !== undefined && !this.over
    this.#entry = entry
    this.#heard = performance.now()
    entry.steps.forEach((step, index) => {
      if (!this.#rows.has(index)) {
        const row = new Row(step.name, 'task', step.kept)
        this.#rows.set(index, row)
        this.#list.append(row.root)
      }
    })
    const killed = entry.processes.some(({ to }) => to !== undefined)
    if (killed && !this.#server.root.isConnected) this.#client.root.after(this.#server.root)
    this.#verdict.textContent = killed ? verdictOf(entry) : ''
    this.root.classList.toggle('killed', killed)
    this.#reports.replaceChildren(...entry.reports.map((text) => element('li', {}, text)))
    this.root.classList.toggle('sent', entry.sent !== undefined)
    this.root.classList.toggle('refused', entry.sent !== undefined && entry.sent.status >= 400)
    this.draw()
    if (wasLive && this.over) {
      byId('ended').textContent =
        `All that the sign-up of ${entry.name} started has ended. ${this.#verdict.textContent}`
    }
  }

  draw() {
    const { sent, steps, elapsed, way, processes } = this.#entry
    const now = elapsed + Math.max(0, (frozenAt ?? performance.now()) - this.#heard)
    const ends = steps.flatMap(({ attempts }) => attempts.map(({ to }) => to ?? now))
    const span = Math.max(leastSpan, 1.03 * Math.max(sent?.at ?? processes[0].to ?? now, ...ends, 0))
    // A process that is killed before the answer takes the request along.
    const died = processes[0].to
    const answered = sent?.at ?? died
    const waited = answered ?? now

    this.root.style.setProperty('--sent', waited / span)
    this.#flag.textContent = sent === undefined ? '' : `response sent, ${sent.status}`
    this.#flag.classList.toggle('left', waited / span > 0.6)
    this.#waited.textContent = duration(waited)
    const worked = ends.length === 0 || sent === undefined ? 0 : Math.max(0, Math.max(...ends) - sent.at)
    const [figure, title] =
      way === 'after' ? [worked > 0 ? duration(worked) : '…', 'the rest took'] : outcomeOf(sent, died)
    this.#worked.textContent = figure
    this.#workedTitle.textContent = title

    this.#client.draw(span, now, [{ from: 0, to: answered }], ...clientOf(sent, died))
    for (const [index, { attempts, state }] of steps.entries()) {
      const waiting = frozenAt !== undefined && left.includes(state) ? 'the server is down' : undefined
      this.#rows.get(index).draw(span, now, attempts, state, { waiting, pid: processes[0].pid })
    }
    if (this.root.classList.contains('killed')) {
      const until = this.over ? Math.max(...ends, processes.at(-1).from) : now
      const lives = processes.map(({ pid, from, to = until }) => ({ from, to, text: `pid ${pid}` }))
      const again = processes.at(-1).to === undefined
      this.#server.draw(span, now, lives, 'done', { waiting: again ? 'killed, started again' : 'killed' })
      this.root.style.setProperty('--killed', processes[0].to / span)
    }
    this.#ticks(span)
  }

  #ticks(span) {
    let step = 500
    while (span / step > 7.2) step *= 2
    const count = Math.floor(span / step)
    if (Number(this.#axis.dataset.count) !== count || this.#axis.dataset.step !== String(step)) {
      const tick = (_, index) =>
        element(
          'span',
          { className: index === 0 ? 'tick zero' : 'tick' },
          index === 0 ? '0' : `${(index * step) / 1000} s`,
        )
      this.#axis.replaceChildren(...Array.from({ length: count + 1 }, tick))
      Object.assign(this.#axis.dataset, { count, step })
    }
    for (const [index, tick] of [...this.#axis.children].entries())
      tick.style.setProperty('--at', (index * step) / span)
  }
}

class Row {
  #strip = strip()
  #took = element('b', { className: 'took' })
  #word = element('span')
  #where = element('span', { className: 'pid' })

  constructor(name, kind = 'task', kept = false) {
    this.root = element(
      'li',
      { className: `row ${kind}` },
      element(
        'span',
        { className: 'name' },
        element('span', { className: 'call' }, name),
        element(
          'span',
          { className: kept ? 'where kept' : 'where' },
          kind === 'task' ? (kept ? 'kept' : 'memory') : '',
        ),
      ),
      this.#strip,
      element('span', { className: 'result' }, this.#took, ' ', this.#word, this.#where),
    )
  }

  draw(span, now, attempts, state, { waiting, pid } = {}) {
    this.root.dataset.state = state
    const bars = attempts.flatMap(({ from, to = now, status, text = '' }, index) => {
      const before = attempts[index - 1]?.to
      const bar = { from, to, text, kind: kinds[status] ?? 'bar' }
      return before === undefined ? [bar] : [{ from: before, to: from, kind: 'bar pause' }, bar]
    })
    while (this.#strip.children.length < bars.length) this.#strip.append(element('i'))
    for (const [index, { from, to, kind, text = '' }] of bars.entries()) {
      const bar = this.#strip.children[index]
      bar.className = kind
      bar.textContent = text
      bar.style.setProperty('--from', from / span)
      bar.style.setProperty('--long', (to - from) / span)
    }
    const last = attempts.at(-1)
    this.#took.textContent = last === undefined || last.text !== undefined ? '' : duration((last.to ?? now) - last.from)
    const own = attempts.filter(({ status }) => status !== 'killed').length
    const attempt = own > 1 && state !== 'retrying' ? `, attempt ${own}` : ''
    this.#word.textContent = waiting ?? words[state] + attempt
    this.#where.textContent = state === 'lost' ? ` with pid ${pid}` : last === undefined ? '' : ` in pid ${last.pid}`
  }
}

/** Where bars are drawn. What they show is said in words beside it. */
function strip(...children) {
  const made = element('div', { className: 'strip' }, ...children)
  made.setAttribute('aria-hidden', 'true')
  return made
}
