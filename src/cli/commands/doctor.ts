import { once } from 'node:events'
import { Agent } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import { Agent as TlsAgent } from 'node:https'
import { connect as connectTls } from 'node:tls'
import { styleText } from 'node:util'
import { inOneLine } from '../../control-characters.ts'
import { type Command, takesNoId } from '../command.ts'
import { type Diagnosis, diagnose } from '../doctor/diagnosis.ts'
import { Examination } from '../doctor/examination.ts'
import { type Ask, askHttp1, askHttp2 } from '../doctor/exchange.ts'

const variable = 'AFTERWORD_TOKEN'

export const doctor: Command = {
  takes: '<url> [--token t]',
  does: 'whether clients have the last byte before the work begins',
  place: 'URL of a doctor',
  options: ['json', 'token'],
  wrong(input) {
    const protocol = URL.parse(input.place)?.protocol
    if (protocol === 'http:' || protocol === 'https:') return takesNoId.call(this, input)
    return `expects a URL with http:// or https://, got "${input.place}"`
  },
  async *run({ place, json, token = process.env[variable] }) {
    const url = new URL(place)
    const diagnoses: Diagnosis[] = []
    await using ways = await waysTo(url)
    for (const [protocol, ask] of ways.all) {
      if (!json) yield `${styleText('bold', `${inOneLine(place)} over ${protocol}`, { stream: process.stdout })}\n`
      const diagnosis = await diagnose(protocol, new Examination(ask, token))
      diagnoses.push(diagnosis)
      if (!json) yield `${linesOf(diagnosis).join('\n')}\n\n`
    }
    const faults = diagnoses.flatMap((diagnosis) => diagnosis.faults)
    if (json) yield `${JSON.stringify({ url: place, healthy: faults.length === 0, diagnoses })}\n`
    else yield faults.length === 0 ? 'Clients have the last byte before the work begins.\n' : ''
    return faults.length === 0
  },
}

function linesOf({ observations, faults, remarks }: Diagnosis): string[] {
  const color = (style: 'green' | 'red' | 'yellow', text: string) => styleText(style, text, { stream: process.stdout })
  return [
    ...observations.map(
      ({ isGood, sentence }) => `  ${isGood ? color('green', '✓') : color('red', '✗')} ${inOneLine(sentence)}`,
    ),
    ...faults.map((fault) => `  ${color('red', '→')} ${inOneLine(fault)}`),
    ...remarks.map((remark) => `  ${color('yellow', '·')} ${inOneLine(remark)}`),
  ]
}

interface Ways extends AsyncDisposable {
  readonly all: readonly (readonly [protocol: 'HTTP/1.1' | 'HTTP/2', ask: Ask])[]
}

/** Finds the protocols that a server offers: HTTP/2 by TLS alone, as browsers do. */
async function waysTo(url: URL): Promise<Ways> {
  const agent =
    url.protocol === 'https:'
      ? new TlsAgent({ keepAlive: true, maxSockets: 1 })
      : new Agent({ keepAlive: true, maxSockets: 1 })
  const all: (readonly ['HTTP/1.1' | 'HTTP/2', Ask])[] = []
  let session: ClientHttp2Session | undefined
  const offered = url.protocol === 'https:' ? await offeredBy(url) : { http1: true, http2: false }
  if (offered.http1) all.push(['HTTP/1.1', askHttp1(url, agent)])
  if (offered.http2) {
    session = connect(url.origin)
    // Each question tells of it.
    session.on('error', () => {})
    all.push(['HTTP/2', askHttp2(url, session)])
  }
  return {
    all,
    async [Symbol.asyncDispose]() {
      agent.destroy()
      session?.destroy()
    },
  }
}

async function offeredBy({ hostname, port }: URL): Promise<{ http1: boolean; http2: boolean }> {
  const offers = async (protocol: string) => {
    const host = hostname.replace(/^\[|\]$/g, '')
    const socket = connectTls({
      host,
      port: Number(port || 443),
      servername: /^[\d.:]+$/.test(host) ? '' : host,
      ALPNProtocols: [protocol],
    })
    try {
      await once(socket, 'secureConnect')
      return socket.alpnProtocol === protocol || (protocol === 'http/1.1' && socket.alpnProtocol === false)
    } catch (error) {
      // A server that has none of the protocols ends the handshake.
      if ((error as NodeJS.ErrnoException).code?.includes('NO_APPLICATION_PROTOCOL')) return false
      if (String((error as Error).message).includes('no application protocol')) return false
      throw error
    } finally {
      socket.destroy()
    }
  }
  return { http2: await offers('h2'), http1: await offers('http/1.1') }
}
