import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { currentTask } from 'afterword'
import { createTransport } from 'nodemailer'
import PostalMime from 'postal-mime'
import { SMTPServer } from 'smtp-server'
import type { Signup } from './signup.ts'

/** A mail as the inbox lists it. */
export interface MailSummary {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly subject: string
  readonly receivedAt: string
}

/** A mail as it is read. */
interface Mail extends MailSummary {
  readonly text: string
  /** The message as it came over the wire. */
  readonly source: string
}

/** The number of mails that the inbox keeps. */
const most = 50

/** A real SMTP server on loopback whose mails land in an inbox, and the mailer that sends to it. */
export async function startMail(onMail: (mail: MailSummary) => void) {
  const inbox: Mail[] = []
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData(stream, _session, callback) {
      buffer(stream)
        .then(readMail)
        .then((mail) => {
          inbox.unshift(mail)
          inbox.length = Math.min(inbox.length, most)
          onMail(summaryOf(mail))
          callback()
        })
        .catch(callback)
    },
  })
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  const { port } = server.server.address() as AddressInfo
  const mailer = createTransport({ host: '127.0.0.1', port, ignoreTLS: true })

  async function sendWelcomeMail({ name, email }: Signup): Promise<void> {
    await mailer.sendMail({
      from: { name: 'The sign-up example', address: 'hello@afterword.example' },
      to: { name, address: email },
      subject: `Welcome, ${name}`,
      text: [
        `Hello ${name},`,
        'you are reading a real e-mail, composed by Nodemailer and delivered over SMTP.',
        currentTask() === undefined
          ? 'Your sign-up was answered after it was sent: a slow mail server would have been slow for you, too.'
          : 'Your sign-up was answered before it was sent: a slow mail server would have cost you nothing.',
        'Yours,\nthe sign-up example',
      ].join('\n\n'),
    })
  }

  return {
    sendWelcomeMail,
    list: () => inbox.map(summaryOf),
    read: (id: string) => inbox.find((mail) => mail.id === id),
    close: () => new Promise<void>((resolve) => server.close(resolve)),
  }
}

async function readMail(source: Buffer): Promise<Mail> {
  const { from, to, subject, text } = await PostalMime.parse(source)
  return {
    id: randomUUID(),
    from: from?.name || from?.address || '',
    to: to?.[0]?.address ?? '',
    subject: subject ?? '',
    receivedAt: new Date().toISOString(),
    text: text?.trim() ?? '',
    source: source.toString(),
  }
}

function summaryOf({ id, from, to, subject, receivedAt }: Mail): MailSummary {
  return { id, from, to, subject, receivedAt }
}
