using System.Diagnostics;
using Amqp.Storage.Files;

namespace Amqp.Bench;

/// <summary>The disk alone.</summary>
internal static class Raw
{
    private const int FileBytes = 32 << 20;

    /// <summary>The mean time of writing that many bytes and flushing them, in a file that is full of zeros already.</summary>
    public static TimeSpan WriteAndFlush(string path, int bytes, int rounds)
    {
        var files = new DiskFiles();
        using var file = files.Open(path);
        file.Write(new byte[FileBytes], 0);
        file.Flush();
        var data = new byte[bytes];
        var offset = 0L;
        var took = Stopwatch.StartNew();
        for (var round = 0; round < rounds; round++)
        {
            file.Write(data, offset);
            file.Flush();
            offset = offset + (2 * bytes) > FileBytes ? 0 : offset + bytes;
        }
        return took.Elapsed / rounds;
    }
}
