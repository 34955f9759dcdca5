import type { Refusal } from '../views.ts'

/** A refusal of the server, in words; its status is 0 where there was no answer. */
export class Refused extends Error {
  readonly status: number

  constructor(message: string, status = 0) {
    super(message)
    this.status = status
  }
}

/** Asks the server. Throws an error that says in words what is wrong. */
export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  return answered(path, { ...(signal && { signal }) })
}

/** Tells the server to do something. Throws an error that says in words what is wrong. */
export async function order<T>(path: string, body: object): Promise<T> {
  const headers = { 'content-type': 'application/json' }
  return answered(path, { method: 'POST', headers, body: JSON.stringify(body) })
}

async function answered<T>(path: string, init: RequestInit): Promise<T> {
  const response = await fetch(path, init).catch((error) => {
    throw init.signal?.aborted ? error : new Refused('The server does not answer. Try again when it does.')
  })
  if (response.ok) return response.json()
  const refusal: Partial<Refusal> = await response.json().catch(() => ({}))
  throw new Refused(refusal.message ?? `The server answered ${response.status}.`, response.status)
}

/** Writes the query of an address. Values that are `undefined` or empty are left out. */
export function queryOf(values: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(values).flatMap(([name, value]) => (value ? [[name, String(value)]] : []))
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}
