(() => {
    const all = new Float32Array(recorded.reduce((sum, each) => sum + each.length, 0));
    let at = 0;
    for (const each of recorded) { all.set(each, at); at += each.length; }
    const bytes = new Uint8Array(all.buffer);
    let text = "";
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return btoa(text);
})()
