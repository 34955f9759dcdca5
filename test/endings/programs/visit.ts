import { get } from 'node:http'

/** Visits the gate of the test, and again when it lets go on. */
export async function visit(name: string): Promise<void> {
  await knock(name)
  await knock(`${name} ended`)
}

/** Visits the gate once. */
export function knock(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // No connection is kept: it would keep the process open for a while.
    get(`${process.env.GATE}${encodeURIComponent(name)}`, { agent: false }, (res) => {
      res.resume().on('end', resolve)
    }).on('error', reject)
  })
}
