import type { Page } from 'playwright-core'

/** Code for the page: lists what people with a keyboard, a screen reader or weak eyes would miss. */
const code = `(() => {
  const faults = []
  const say = (fault, element) => faults.push(fault + ': ' + element.outerHTML.slice(0, 120))
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true })
  const nameOf = (element) => {
    const by = element.getAttribute('aria-labelledby')
    if (by) return by.split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ')
    const labels = element.labels ? [...element.labels].map((label) => label.textContent).join(' ') : ''
    return (element.getAttribute('aria-label') ?? '') + labels + element.textContent
  }
  for (const [name, most] of [['main', 1], ['h1', 1], ['header.top', 1], ['nav[aria-label="Views"]', 1]]) {
    const found = document.querySelectorAll(name).length
    if (found !== most) faults.push(found + ' of ' + name)
  }
  for (const each of document.querySelectorAll('button, a, input, select')) {
    if (isShown(each) && nameOf(each).trim() === '') say('no name', each)
  }
  for (const each of document.querySelectorAll('img')) if (!each.hasAttribute('alt')) say('no alt', each)
  for (const each of document.querySelectorAll('svg')) {
    if (each.getAttribute('aria-hidden') !== 'true' && !each.getAttribute('aria-label')) say('no words', each)
  }
  for (const each of document.querySelectorAll('table th')) if (!each.scope) say('no scope', each)
  for (const each of document.querySelectorAll('[aria-controls]')) {
    if (!document.getElementById(each.getAttribute('aria-controls'))) say('controls nothing', each)
  }
  for (const each of document.querySelectorAll('[style*="javascript"], script:not([src]), style')) say('inline', each)
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id)
  for (const id of new Set(ids)) if (ids.filter((each) => each === id).length > 1) faults.push('twice: #' + id)

  // The contrast of each text with what is behind it.
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const paint = (colors) => {
    canvas.clearRect(0, 0, 1, 1)
    for (const color of colors) {
      canvas.fillStyle = color
      canvas.fillRect(0, 0, 1, 1)
    }
    return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)]
  }
  const light = (rgb) => {
    const [r, g, b] = rgb.map((value) => value / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement
    if (walker.currentNode.data.trim() === '' || !isShown(element) || element.closest('.visually-hidden, :disabled, select')) continue
    const style = getComputedStyle(element)
    if (element.closest('svg') || style.clipPath !== 'none') continue
    const behind = []
    for (let each = element; each; each = each.parentElement) behind.unshift(getComputedStyle(each).backgroundColor)
    const [a, b] = [light(paint(behind)), light(paint([...behind, style.color]))].sort((a, b) => b - a)
    const ratio = (a + 0.05) / (b + 0.05)
    if (ratio < 4.5) say('contrast ' + ratio.toFixed(2), element)
  }
  return faults
})()`

/** Lists what people with a keyboard, a screen reader or weak eyes would miss on a page of the dashboard. */
export async function faultsOf(page: Page): Promise<string[]> {
  return (await page.evaluate(code)) as string[]
}
