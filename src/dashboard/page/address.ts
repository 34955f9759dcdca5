import { useEffect, useState } from 'preact/hooks'

/** The views of the page, in the order of their links. */
export const views = ['now', 'requests', 'jobs'] as const
export type ViewName = (typeof views)[number]

/** The values that a view keeps in the address: filters, and what is open. A value that is `undefined` or empty is left out. */
export type Values = Readonly<Record<string, string | undefined>>

/** The part of the address after `#`: a view, and its values. An address can be sent to a colleague. */
export interface Address {
  readonly view: ViewName
  readonly values: Values
}

/** Reads an address: `#jobs?state=failed&search=ada`. */
function readAddress(hash: string): Address {
  const [name = '', query = ''] = hash.replace(/^#/, '').split('?', 2)
  const view = views.find((each) => each === name) ?? 'now'
  return { view, values: Object.fromEntries(new URLSearchParams(query)) }
}

/** Writes an address. */
export function hrefOf(view: ViewName, values: Values = {}): string {
  const given = Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1]))
  const query = new URLSearchParams(given).toString()
  return query === '' ? `#${view}` : `#${view}?${query}`
}

/** Follows the address of the page. */
export function useAddress(): Address {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const follow = () => setHash(location.hash)
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])
  return readAddress(hash)
}

/** Changes some values of the view that is shown. `step` makes an entry in the history of the browser: for what is opened, not for each letter of a filter. */
export function changeValues(values: Values, step = false): void {
  const now = readAddress(location.hash)
  const href = hrefOf(now.view, { ...now.values, ...values })
  if (href === location.hash) return
  history[step ? 'pushState' : 'replaceState'](null, '', href)
  dispatchEvent(new HashChangeEvent('hashchange'))
}
