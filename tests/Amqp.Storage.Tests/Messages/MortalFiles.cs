using Amqp.Storage.Files;

namespace Amqp.Storage.Tests.Messages;

/// <summary>Files whose process ends: from then on nothing changes them.</summary>
internal sealed class MortalFiles(IFileLayer files) : IFileLayer
{
    private volatile bool _isDead;

    public bool IsDead
    {
        get => _isDead;
        set => _isDead = value;
    }

    public IReadOnlyList<string> List(string directory) => files.List(directory);

    public IDataFile Open(string path) => new MortalFile(this, files.Open(path));

    public void Rename(string from, string to)
    {
        Live();
        files.Rename(from, to);
    }

    public void Delete(string path)
    {
        Live();
        files.Delete(path);
    }

    public void FlushDirectory(string directory)
    {
        Live();
        files.FlushDirectory(directory);
    }

    private void Live()
    {
        if (_isDead) throw new IOException("the process is gone");
    }

    private sealed class MortalFile(MortalFiles files, IDataFile file) : IDataFile
    {
        public long Length => file.Length;

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            files.Live();
            file.Write(bytes, offset);
        }

        public int Read(Span<byte> destination, long offset) => file.Read(destination, offset);

        public void Flush()
        {
            files.Live();
            file.Flush();
        }

        public void Dispose() => file.Dispose();
    }
}
