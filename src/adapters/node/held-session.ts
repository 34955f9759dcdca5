import type { Http2Session } from 'node:http2'
import { setImmediate } from '../../clock.ts'

/** The key of the object of a session, on the session: another copy of the package finds it there. */
const heldSession = Symbol.for('afterword.held-session')

interface Session extends Http2Session {
  [heldSession]?: HeldSession
}

/** A session of HTTP/2 ends when the bytes of its responses have left, for a handler that destroys it takes them to have left. */
export class HeldSession {
  readonly #session: Session
  readonly #destroy: Session['destroy']
  /** The streams whose bytes have not left. */
  #held = 0
  #destroyed: Parameters<Session['destroy']> | undefined

  private constructor(session: Session) {
    this.#session = session
    this.#destroy = session.destroy
    session.destroy = onDestroy
  }

  static of(session: Session): HeldSession {
    session[heldSession] ??= new HeldSession(session)
    return session[heldSession]
  }

  hold(): void {
    this.#held++
  }

  /** The bytes of a stream have left when the turn is over: Node hands them to the system at the beginning of the next one. */
  release(): void {
    setImmediate(() => {
      this.#held--
      if (this.#held === 0 && this.#destroyed !== undefined) this.#destroy.apply(this.#session, this.#destroyed)
    })
  }

  /** Destroys the session, at once if that is for an error. */
  destroy(...args: Parameters<Session['destroy']>): void {
    if (this.#held > 0 && args[0] == null) this.#destroyed ??= args
    else this.#destroy.apply(this.#session, args)
  }
}

/** The `destroy` of all sessions. */
function onDestroy(this: Session, ...args: Parameters<Session['destroy']>): void {
  this[heldSession]?.destroy(...args)
}
