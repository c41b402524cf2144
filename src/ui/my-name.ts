// How somebody calls themselves beside notes and pins: asked once, remembered per browser.

const key = 'spikecam.name'

export function readName(): string {
  try {
    return localStorage.getItem(key) ?? ''
  } catch {
    return '' // storage is forbidden: it is asked again the next time
  }
}

export function rememberName(name: string): void {
  try {
    localStorage.setItem(key, name.trim())
  } catch {
    // As above: the note has it all the same for as long as the page is open.
  }
}
