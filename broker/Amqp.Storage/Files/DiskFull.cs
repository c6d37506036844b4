namespace Amqp.Storage.Files;

/// <summary>Tells "no space left" from other failures: it is the one that passes.</summary>
public static class DiskFull
{
    private const int NoSpaceOnUnix = 28; // ENOSPC
    private const int QuotaOnLinux = 122; // EDQUOT
    private const int FullOnWindows = unchecked((int)0x80070070);
    private const int HandleFullOnWindows = unchecked((int)0x80070027);

    public static bool Is(IOException exception) =>
        exception.HResult is NoSpaceOnUnix or QuotaOnLinux or FullOnWindows or HandleFullOnWindows;
}
