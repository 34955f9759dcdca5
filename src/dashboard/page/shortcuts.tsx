import { useEffect, useState } from 'preact/hooks'
import { views } from './address.ts'
import { Dialog } from './dialog.tsx'

/** The keys of the page. A key presses the button, or enters the field, that names it in `data-key`. */
const listed: readonly (readonly [keys: readonly string[], does: string])[] = [
  [['1', '2', '3'], 'show Now, Requests, Jobs'],
  [['j', 'k'], 'go to the next row, to the one before'],
  [['Enter'], 'open or close a row; a record has the focus then'],
  [['Esc'], 'close what is open'],
  [['/'], 'search, or filter; Enter and Esc leave the field'],
  [['x'], 'select a job'],
  [['p'], 'stop and go on: new rows wait'],
  [['t'], 'change the colours'],
  [['?'], 'show these keys'],
]

/** Listens to the keys of the page, and lists them on `?`. */
export function Shortcuts() {
  const [isOpen, open] = useState(false)
  const [isOn, turn] = useState(true)
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || leaveField(event) || isTyping(event)) return
      if (event.key === '?') open(true)
      else if (isOn && act(event.key)) event.preventDefault()
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [isOn])
  return (
    <>
      <button type="button" class="plain square" onClick={() => open(true)} title="Keys">
        <span aria-hidden="true" class="key">
          ?
        </span>
        <span class="visually-hidden">Keys</span>
      </button>
      {isOpen && (
        <Dialog title="Keys" onClose={() => open(false)}>
          <dl class="keys">
            {listed.map(([keys, does]) => (
              <div key={does}>
                <dt>
                  {keys.map((key) => (
                    <kbd class="key" key={key}>
                      {key}
                    </kbd>
                  ))}
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
          <label class="check">
            <input type="checkbox" checked={isOn} onChange={() => turn(!isOn)} /> Keys are on
          </label>
        </Dialog>
      )}
    </>
  )
}

const isDialog = () => document.querySelector('dialog[open]') !== null

/** A field, or a dialog, has the keys. */
function isTyping({ target }: KeyboardEvent): boolean {
  if (isDialog()) return true
  return target instanceof Element && target.matches('input:not([type="checkbox"], [type="radio"]), select, textarea')
}

/** Leaves a field by Enter or Esc with all that is typed: the keys are those of the page again. @returns whether the key has done so */
function leaveField({ key, target, isComposing }: KeyboardEvent): boolean {
  if ((key !== 'Enter' && key !== 'Escape') || isComposing || isDialog()) return false
  if (!(target instanceof HTMLInputElement) || target.type !== 'search') return false
  target.blur()
  return true
}

/** Does what a key stands for. @returns whether the key stands for something here */
function act(key: string): boolean {
  const view = views[Number(key) - 1]
  if (view !== undefined) location.hash = view
  else if (key === 'j' || key === 'k') return moveBy(key === 'j' ? 1 : -1)
  else if (key === 'x') return selectRow()
  else {
    const control = document.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)
    if (control === null) return false
    if (control.matches('input, select')) control.focus()
    else control.click()
  }
  return true
}

/** The buttons that open the rows. */
const rows = () => [...document.querySelectorAll<HTMLElement>('[data-row]')]

function moveBy(step: 1 | -1): boolean {
  const all = rows()
  const focused = all.indexOf(document.activeElement as HTMLElement)
  // Whoever is in a record goes on from its row.
  const at = focused === -1 ? all.findIndex((row) => row.ariaExpanded === 'true') : focused
  const next = all[at === -1 ? 0 : Math.max(0, Math.min(all.length - 1, at + step))]
  next?.focus()
  return next !== undefined
}

function selectRow(): boolean {
  const box = document.activeElement?.closest('tr')?.querySelector<HTMLElement>('input[type="checkbox"]')
  box?.click()
  return box !== undefined && box !== null
}
