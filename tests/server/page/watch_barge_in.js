(() => {
    const clear = speechwire.clear;
    speechwire.clear = function () {
        globalThis.clearedAt = Math.round(this.context.currentTime * this.context.sampleRate);
        clear.call(this);
    };
    const told = (data) => { if (data.flushed) globalThis.flushed = data; };
    const watching = setInterval(() => {
        if (!speechwire.speaker) return;
        clearInterval(watching);
        speechwire.speaker.node.port.addEventListener("message", ({ data }) => told(data));
    }, 10);
})()
