/** A mail as the inbox lists it. */
export interface MailSummary {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly subject: string
  readonly receivedAt: string
}

/** A mail as it is read. */
export interface Mail extends MailSummary {
  readonly text: string
  /** The message as it came over the wire. */
  readonly source: string
}

/** The number of mails that the inbox keeps. */
const most = 50

/** The mails that were delivered, the newest first. */
export class Inbox {
  readonly #mails: Mail[]

  constructor(mails: readonly Mail[] = []) {
    this.#mails = [...mails]
  }

  get mails(): readonly Mail[] {
    return this.#mails
  }

  add(mail: Mail): void {
    this.#mails.unshift(mail)
    this.#mails.length = Math.min(this.#mails.length, most)
  }

  list(): MailSummary[] {
    return this.#mails.map(summaryOf)
  }

  read(id: string): Mail | undefined {
    return this.#mails.find((mail) => mail.id === id)
  }
}

export function summaryOf({ id, from, to, subject, receivedAt }: Mail): MailSummary {
  return { id, from, to, subject, receivedAt }
}
