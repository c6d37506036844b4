namespace Amqp.Storage.Files;

/// <summary>
/// The few things that the journal asks of a file system, with exactly the promises it relies on: what was written is there
/// after a crash of the process; what was flushed is there after a loss of power. Tests put a layer of their own here, one
/// that loses unflushed writes, fails or stalls.
/// </summary>
public interface IFileLayer
{
    /// <summary>Paths of the files in a directory, in no order.</summary>
    IReadOnlyList<string> List(string directory);

    /// <summary>Opens a file for reading and writing; makes an empty one if it is not there.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    IDataFile Open(string path);

    /// <summary>Gives a file another name. Durable after <see cref="FlushDirectory"/>.</summary>
    void Rename(string from, string to);

    /// <summary>Removes a file. Durable after <see cref="FlushDirectory"/>.</summary>
    void Delete(string path);

    /// <summary>Makes the names in a directory durable.</summary>
    void FlushDirectory(string directory);
}

/// <summary>One open file.</summary>
public interface IDataFile : IDisposable
{
    /// <summary>Bytes.</summary>
    long Length { get; }

    /// <summary>Bytes that still can be written where nothing was, as far as something else than the length bounds them; 0: it takes
    /// nothing any more.</summary>
    long Room => long.MaxValue;

    /// <summary>It is known not to give back all that was written to it: what is missing anywhere was damaged, and not cut off.</summary>
    bool IsDamaged => false;

    /// <summary>Writes all of it, at that offset in bytes.</summary>
    /// <exception cref="IOException">Nothing is known of what was written. No space left is an <see cref="IOException"/> that
    /// <see cref="DiskFull.Is"/> recognizes; after any other nothing can be written any more, and where <see cref="IsDamaged"/> is true
    /// then, what is stored can be read on.</exception>
    void Write(ReadOnlySpan<byte> bytes, long offset);

    /// <summary>Reads up to the end of the file; returns how many bytes.</summary>
    int Read(Span<byte> destination, long offset);

    /// <summary>
    /// Makes written bytes durable, and the length if it changed. If it fails nothing is known of the bytes written since the
    /// last flush, and flushing again proves nothing: the kernel may have dropped them.
    /// </summary>
    void Flush();
}
