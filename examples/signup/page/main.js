import { byId, duration, element, time } from './element.js'
import { showInbox, showMail } from './inbox.js'

/** Filled in for visitors in a hurry. */
const people = [
  ['Ada Lovelace', 'ada@analytical.example'],
  ['Grace Hopper', 'grace@mark-one.example'],
  ['Alan Turing', 'alan@bletchley.example'],
  ['Radia Perlman', 'radia@spanning.example'],
  ['Barbara Liskov', 'barbara@argus.example'],
]
let turn = 0
let listed = []

const form = byId('form')
const { name, email, way, analyticsFails } = form.elements
const buttons = form.querySelectorAll('button')
const answer = byId('answer')

fillIn()
form.addEventListener('submit', (event) => {
  event.preventDefault()
  void signUp(event.submitter ?? buttons[0])
})
void listen()
void showSource('signup')

async function signUp(button) {
  const body = JSON.stringify({ name: name.value, email: email.value, analyticsFails: analyticsFails.checked })
  const path = button.name === 'kill' ? 'signup/and-kill' : way.value === 'after' ? 'signup' : 'signup/old-way'
  showErrors({})
  say('', 'Waiting for the answer…')
  for (const each of buttons) each.disabled = true
  const asked = performance.now()
  try {
    const response = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const { message, errors = {} } = await response.json()
    const waited = duration(performance.now() - asked)
    say(response.ok ? 'good' : 'bad', message, `Your browser waited ${waited}.`)
    showErrors(errors)
    if (response.ok) {
      next()
      // What is shown is the code that has answered. The server may be about to die.
      await showSource(path).catch(() => {})
    }
  } catch {
    say('bad', 'The server does not answer. Is it still running?')
  } finally {
    for (const each of buttons) each.disabled = false
    if (document.activeElement === document.body) button.focus()
  }
}

function say(tone, ...lines) {
  answer.dataset.tone = tone
  answer.replaceChildren(...lines.map((line) => element('span', {}, line)))
}

/** Says beside each field what is wrong with it, and moves to the first of them. */
function showErrors(errors) {
  const fields = [name, email]
  for (const field of fields) {
    const error = byId(`${field.name}-error`)
    error.textContent = errors[field.name] ?? ''
    error.hidden = error.textContent === ''
    if (error.hidden) field.removeAttribute('aria-invalid')
    else field.setAttribute('aria-invalid', 'true')
  }
  fields.find((field) => field.hasAttribute('aria-invalid'))?.focus()
}

function fillIn() {
  ;[name.value, email.value] = people[turn % people.length]
}

/** The next person, unless the visitor typed in somebody else. */
function next() {
  const [lastName, lastEmail] = people[turn % people.length]
  if (name.value !== lastName || email.value !== lastEmail) return
  turn++
  fillIn()
}

/** What happens on the server comes as server-sent events. */
function listen() {
  const events = new EventSource('events')
  const on = (type, show) => events.addEventListener(type, ({ data }) => show(JSON.parse(data)))
  on('state', ({ signups, mails, log }) => {
    state('open', 'live')
    showSignups(signups)
    showInbox(mails)
    byId('log-file').textContent = log.file
    showLog(log.lines)
  })
  on('signup', (signup) => showSignups([signup, ...listed]))
  on('mail', showMail)
  on('log', showLog)
  events.addEventListener('error', () => {
    state('closed', 'the server is down')
    // Browsers wait for seconds before they ask again, and some do not ask at all.
    events.close()
    setTimeout(listen, 300)
  })
}

function state(value, text) {
  byId('live').dataset.state = value
  byId('live').replaceChildren(element('span', {}, text))
}

/** Those who have signed up of late, the newest first. */
function showSignups(signups) {
  listed = signups.slice(0, 8)
  const item = ({ name, email, receivedAt, way }) =>
    element(
      'li',
      {},
      element('span', { className: 'subject' }, name),
      element('span', { className: 'meta' }, `${email} · ${way === 'after' ? 'after the answer' : 'the old way'}`),
      element('time', { dateTime: receivedAt }, time(receivedAt)),
    )
  byId('signups').replaceChildren(...listed.map(item))
  byId('signups-empty').hidden = listed.length > 0
}

function showLog(lines) {
  byId('log').replaceChildren(...lines.map((line) => element('li', {}, line)))
  byId('log-empty').hidden = lines.length > 0
}

/** The route as the server runs it, each line marked with when it counts. */
async function showSource(route) {
  const response = await fetch(`source?of=${encodeURIComponent(route)}`)
  const source = await response.text()
  if (!response.ok) return
  const lines = source.trimEnd().split('\n')
  byId('source').replaceChildren(...lines.map((line) => element('span', { className: kindOf(line) }, code(line), '\n')))
}

function kindOf(line) {
  if (/\b(defer|onSent)\b/.test(line)) return 'after'
  if (/\bkillDuring\b/.test(line)) return 'fatal'
  return /res\.status|await /.test(line) ? 'wait' : ''
}

function code(line) {
  const at = line.search(/(^|\s)\/\/ /)
  const made = element('span', {}, at < 0 ? line : line.slice(0, at))
  if (at >= 0) made.append(element('span', { className: 'comment' }, line.slice(at)))
  return made
}
