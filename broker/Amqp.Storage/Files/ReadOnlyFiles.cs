using Microsoft.Win32.SafeHandles;

namespace Amqp.Storage.Files;

/// <summary>The real file system, to be looked at only.</summary>
public sealed class ReadOnlyFiles : IFileLayer
{
    public IReadOnlyList<string> List(string directory) => Directory.Exists(directory) ? Directory.GetFiles(directory) : [];

    /// <exception cref="IOException">There is no such file: none is made.</exception>
    public IDataFile Open(string path) => new ReadOnlyFile(path);

    /// <summary>Does nothing, so that what is tidied up on opening stays.</summary>
    public void Rename(string from, string to)
    {
    }

    /// <summary>Does nothing, as well.</summary>
    public void Delete(string path)
    {
    }

    public void FlushDirectory(string directory)
    {
    }

    private sealed class ReadOnlyFile(string path) : IDataFile
    {
        private readonly SafeFileHandle _handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read);

        public long Length => RandomAccess.GetLength(_handle);

        public void Write(ReadOnlySpan<byte> bytes, long offset) => throw new IOException($"'{path}' was opened for reading only");

        public int Read(Span<byte> destination, long offset) => DiskFile.Read(_handle, destination, offset);

        public void Flush()
        {
        }

        public void Dispose() => _handle.Dispose();
    }
}
