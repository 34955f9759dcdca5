import { currentTask } from 'afterword'
import { createTransport } from 'nodemailer'
import type { Signup } from './signup.ts'

/** The mailer of the app, which sends to an SMTP server. */
export function openMailer(port: number) {
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

  return { sendWelcomeMail }
}
