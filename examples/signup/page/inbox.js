import { byId, element, time } from './element.js'

const shown = new Map()

/** Shows these mails, the newest first, and no others. Those that are shown already stay as they are, opened or not. */
export function showInbox(mails) {
  const ids = new Set(mails.map(({ id }) => id))
  for (const [id, mail] of shown) {
    if (ids.has(id)) continue
    mail.remove()
    shown.delete(id)
  }
  for (const mail of mails.toReversed()) showMail(mail)
  count()
}

/** Shows a mail on top of the inbox; it is read when it is opened. */
export function showMail({ id, from, to, subject, receivedAt }) {
  if (shown.has(id)) return
  const body = element('div', { className: 'body' }, element('p', { className: 'none' }, 'Opening…'))
  const mail = element(
    'details',
    { className: 'mail' },
    element(
      'summary',
      {},
      element('span', { className: 'subject' }, subject),
      element('span', { className: 'meta' }, `to ${to}`),
      element('time', { dateTime: receivedAt }, time(receivedAt)),
    ),
    body,
  )
  mail.addEventListener('toggle', () => {
    if (mail.open && body.querySelector('.text') === null) void read(id, from, body)
  })
  shown.set(id, mail)
  byId('inbox').prepend(mail)
  count()
}

async function read(id, from, body) {
  const response = await fetch(`inbox/${id}`).catch(() => undefined)
  if (response === undefined) {
    return body.replaceChildren(element('p', { className: 'none' }, 'The server is down. Open the mail again later.'))
  }
  const mail = await response.json()
  if (!response.ok) return body.replaceChildren(element('p', { className: 'none' }, mail.message))
  body.replaceChildren(
    element('p', { className: 'meta' }, `from ${from}`),
    element('p', { className: 'text' }, mail.text),
    element(
      'details',
      { className: 'raw' },
      element('summary', {}, 'As it came over SMTP'),
      element('pre', { tabIndex: 0 }, mail.source),
    ),
  )
}

function count() {
  const { length } = byId('inbox').children
  byId('inbox-empty').hidden = length > 0
  byId('inbox-count').textContent = length === 0 ? '' : `${length} ${length === 1 ? 'mail' : 'mails'}`
}
