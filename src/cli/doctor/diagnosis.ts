import { type Examination, type Finding, type Kind, kinds, type Patient } from './examination.ts'

/** The diagnosis of one way to the app. */
export interface Diagnosis {
  readonly protocol: string
  readonly observations: readonly { readonly isGood: boolean; readonly sentence: string }[]
  /** The faults, each with what to do. */
  readonly faults: readonly string[]
  /** Sentences about what is no fault, and good to know. */
  readonly remarks: readonly string[]
  readonly findings: readonly Finding[]
}

/** Examines a way to the app. @throws Error where there is no doctor, or no answer */
export async function diagnose(protocol: 'HTTP/1.1' | 'HTTP/2', examination: Examination): Promise<Diagnosis> {
  const patient = await examination.meet()
  if (!patient.isScoped) {
    const sentence = 'Afterword does not see the requests of this app.'
    return {
      protocol,
      observations: [{ isGood: false, sentence }],
      faults: [advice.noScope],
      remarks: [],
      findings: [],
    }
  }
  const findings: Finding[] = []
  for (const kind of Object.keys(kinds) as Kind[]) findings.push(await examination.examine(kind))
  const observations = findings.map((finding) => ({
    isGood: finding.arrival === 'before',
    sentence: sentenceOf(finding),
  }))
  return {
    protocol,
    observations,
    faults: faultsOf(patient, findings),
    remarks: remarksOf(protocol, patient, findings),
    findings,
  }
}

const arrivals = {
  before: 'the last byte comes before the work begins',
  during: 'the last byte comes only while the work runs',
  after: 'the last byte comes only when the work has ended',
}

const advice = {
  noScope:
    'No adapter has opened a scope for the request. Register one ahead of the doctor: app.use(afterword()), or node --import afterword/auto.',
  host: 'The host runs nothing after a response, so the work runs before it. Start the app as a server of its own, or hand the work to an engine: job.dispatch(...).',
  thread:
    'The bytes wait for the thread of the app: something between Afterword and the socket keeps them, such as another server in the process. Let the adapter see the server that has the socket: attach(server), or node --import afterword/auto.',
  proxy:
    'Something before the app keeps the response until its connection is quiet or closed. Turn the buffering of the proxy off: proxy_buffering off in nginx, or X-Accel-Buffering: no as a header of the response.',
  pieces:
    'Something before the app keeps a response without a content-length until its connection is quiet or closed. Send a content-length, let the proxy speak HTTP/1.1 to the app (proxy_http_version 1.1 in nginx), or turn its buffering off.',
  compression:
    'The compression keeps the end of the response. Compress in one place only, in the proxy or in the app; a middleware has to end its stream with the response.',
  http10:
    'The request came to the app in HTTP/1.0, whose responses end with their connection: let the proxy speak HTTP/1.1 to the app (proxy_http_version 1.1 in nginx).',
}

function sentenceOf({ kind, arrival, late, encoding }: Finding): string {
  const isPlain = kind === 'compressed' && encoding === undefined
  const title = isPlain
    ? 'A client that takes compressed responses gets a plain one'
    : `A response ${kind}${encoding ? ` (${encoding})` : ''}`
  const more = arrival === 'before' ? '' : `, ${Math.round(late)} ms later than without work`
  return `${title}: ${arrivals[arrival]}${more}.`
}

function faultsOf({ httpVersion }: Patient, findings: readonly Finding[]): string[] {
  const late = findings.filter(({ arrival }) => arrival !== 'before')
  const isLate = (kind: Kind) => late.some((finding) => finding.kind === kind)
  if (late.some(({ ranBefore }) => ranBefore)) return [advice.host]
  if (late.length > 0 && httpVersion?.startsWith('1.0')) return [advice.http10]
  if (isLate('with a content-length')) {
    return late.some(({ arrival }) => arrival === 'during') ? [advice.thread] : [advice.proxy]
  }
  return [
    ...(isLate('in pieces, without a content-length') ? [advice.pieces] : []),
    ...(isLate('compressed') ? [advice.compression] : []),
  ]
}

function remarksOf(protocol: string, patient: Patient, findings: readonly Finding[]): string[] {
  const { httpVersion, headers, processes } = patient
  const [whole, pieces] = findings
  const closes = [headers.connection].flat().some((value) => value?.toLowerCase() === 'close')
  const remarks: string[] = []
  if (headers.via !== undefined) remarks.push(`A proxy answers: via ${[headers.via].flat().join(', ')}.`)
  if (httpVersion?.startsWith('1.0')) remarks.push(advice.http10)
  else if (httpVersion !== undefined && (protocol === 'HTTP/2') !== httpVersion.startsWith('2')) {
    remarks.push(`A proxy speaks HTTP/${httpVersion} to the app.`)
  }
  if (protocol === 'HTTP/1.1' && closes) {
    remarks.push(
      'Connections are closed after each response: with keep-alive the next request of a client comes sooner.',
    )
  }
  if (whole?.hasLength === false) {
    remarks.push(
      'The content-length of a response does not reach the client: a proxy or a middleware changes the body.',
    )
  }
  if (pieces?.hasLength) {
    remarks.push('A response in pieces reaches the client with a content-length: a proxy collects all of it first.')
  }
  if (processes.size > 1) remarks.push(`${processes.size} processes answer at this URL.`)
  return remarks
}
