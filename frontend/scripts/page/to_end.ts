// Shows the newest message before anything is painted.
const transcript = document.querySelector("[role=log]");
if (transcript) transcript.scrollTop = transcript.scrollHeight;
