using System.Runtime.InteropServices;

namespace Amqp.Storage;

/// <summary>Files that are whole or not there, whenever power fails.</summary>
internal static partial class DurableFiles
{
    /// <summary>Puts a file in the place of another: a reader sees the old one or the new one, also after a crash.</summary>
    /// <param name="write">Writes the content.</param>
    public static void Replace(string path, Action<FileStream> write)
    {
        WriteSuccessor(path, write);
        Succeed(path);
    }

    /// <summary>Writes, beside a file, what is to take its place. While this fails nothing has happened.</summary>
    public static void WriteSuccessor(string path, Action<FileStream> write)
    {
        using var file = new FileStream(SuccessorOf(path), FileMode.Create, FileAccess.Write, FileShare.None);
        write(file);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Puts the successor in its place. If this fails it is not certain which of the two is there.</summary>
    public static void Succeed(string path)
    {
        File.Move(SuccessorOf(path), path, overwrite: true);
        FlushDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>A name that was made, changed or removed is durable only when its directory has been flushed. .NET has no call
    /// for that; Windows needs none.</summary>
    public static void FlushDirectory(string path)
    {
        if (OperatingSystem.IsWindows()) return;
        const int readOnly = 0;
        var descriptor = Open(path, readOnly);
        if (descriptor < 0) throw LastError("open", path);
        try
        {
            if (Sync(descriptor) != 0) throw LastError("flush", path);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static string SuccessorOf(string path) => path + ".new";

    private static IOException LastError(string action, string path) =>
        new($"cannot {action} directory '{path}': {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Close(int descriptor);
}
