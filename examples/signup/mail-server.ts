import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import PostalMime from 'postal-mime'
import { SMTPServer } from 'smtp-server'
import type { Mail } from './inbox.ts'

/** A real SMTP server on loopback. */
export async function startMailServer(onMail: (mail: Mail) => void) {
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData(stream, _session, callback) {
      buffer(stream)
        .then(readMail)
        .then((mail) => {
          onMail(mail)
          callback()
        })
        .catch(callback)
    },
  })
  // A client that was killed in the middle of a mail.
  server.on('error', () => {})
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  const { port } = server.server.address() as AddressInfo
  return { port, close: () => new Promise<void>((resolve) => server.close(resolve)) }
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
