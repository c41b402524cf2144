// What a browser without the token sees: a field for it.

/** Needs no script and no file: both are behind the token. */
export function loginPage(): Response {
  const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>Spikecam</title></head>
<body style="font: 16px system-ui, sans-serif; max-width: 28rem; margin: 20vh auto; padding: 0 1rem">
<h1 style="font-size: 1.4rem">Spikecam</h1>
<form action="/login" method="get">
<p><label>This server wants its token:<br><input name="token" type="password" autofocus required style="width: 100%; font: inherit"></label></p>
<p><button style="font: inherit">Open</button></p>
</form></body></html>
`
  return new Response(page, {
    status: 401,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy':
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    },
  })
}
