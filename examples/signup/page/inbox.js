import { byId, element, time } from './element.js'

/** Shows a mail on top of the inbox; it is read when it is opened. */
export function showMail({ id, from, to, subject, receivedAt }) {
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
  mail.addEventListener('toggle', () => void read(id, from, body), { once: true })
  byId('inbox').prepend(mail)
  count()
}

export function clearInbox() {
  byId('inbox').replaceChildren()
  count()
}

async function read(id, from, body) {
  const response = await fetch(`inbox/${id}`)
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
