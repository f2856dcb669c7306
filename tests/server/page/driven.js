(async (stories) => {
    let made;
    globalThis.sampleRate = 48000;
    globalThis.currentFrame = 0;
    globalThis.AudioWorkletProcessor = class { port = { told: [], postMessage(data) { this.told.push(data); } }; };
    globalThis.registerProcessor = (_, kind) => { made = kind; };
    await import("/playback.js");
    const play = (steps) => {
        const playback = new made();
        globalThis.currentFrame = 0;
        const heard = [];
        const flushed = [];
        let at = 0;
        const quantum = () => {
            const output = new Float32Array(128);
            playback.process([], [[output]]);
            for (const value of output) heard.push(Math.round(value * 32768));
            globalThis.currentFrame += 128;
        };
        for (const [push, flush, quanta] of steps) {
            const pcm = Int16Array.from({ length: push }, (_, i) => ((at + i) % 30000) + 1);
            playback.port.onmessage({ data: { do: "push", utterance: 3, sample: at, pcm: pcm.buffer } });
            at += push;
            if (flush) {
                const before = heard.filter((value) => value).length;
                playback.port.onmessage({ data: { do: "flush", id: 1 } });
                flushed.push({ ...playback.port.told.at(-1), at, before });
            }
            for (let i = 0; i < quanta; i += 1) quantum();
        }
        playback.port.onmessage({ data: { do: "end", utterance: 3 } });
        for (let i = 0; i < 3000 && playback.written > playback.read; i += 1) quantum();
        quantum();
        return { heard: heard.filter((value) => value), flushed, told: playback.port.told, total: at };
    };
    return stories.map(play);
})
