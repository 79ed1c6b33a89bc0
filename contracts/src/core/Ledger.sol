// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Account, Accounts} from "../libraries/Accounts.sol";
import {Errors} from "../libraries/Errors.sol";
import {Events} from "../libraries/Events.sol";
import {ITokenEdge} from "../interfaces/Modules.sol";

/// @title Ledger: prepaid balances, and the only place where OPEN enters or leaves.
/// @notice Where OPEN is the chain's own coin `edge` is zero; where it is an ERC-20, `edge` holds the tokens.
abstract contract Ledger {
    using Accounts for Account;

    /// @notice A batch's lock lasts for the rest of its audit epoch and the whole next one.
    uint256 public constant AUDIT_EPOCH = 8 days;
    /// @dev What a recipient may spend on accepting a payment. More is not needed; less leaves room for nothing but mischief.
    uint256 private constant ACCEPT_GAS = 50_000;

    ITokenEdge public immutable edge;

    mapping(address owner => uint256 account) private _accounts;

    constructor(ITokenEdge edge_) {
        edge = edge_;
    }

    // ---- views

    function balanceOf(address owner) external view returns (uint256) {
        return _load(owner).balance;
    }

    /// @notice What the account can spend or withdraw now, and the number its next batch must carry.
    function accountOf(address owner) external view returns (uint256 balance, uint256 free, uint32 nonce) {
        Account memory a = _load(owner);
        return (a.balance, a.free(), a.nonce);
    }

    // ---- in and out

    function deposit() external payable {
        depositFor(msg.sender);
    }

    function depositFor(address owner) public payable {
        if (address(edge) != address(0)) revert Errors.NotAllowed();
        _deposit(owner, msg.value);
    }

    /// @notice The edge reports tokens that it has taken for `owner`.
    function credit(address owner, uint256 amount) external {
        if (msg.sender != address(edge)) revert Errors.NotAllowed();
        _deposit(owner, amount);
    }

    function withdraw(uint256 amount, address to) external {
        if (to == address(0)) revert Errors.ZeroAddress();
        _debit(msg.sender, amount);
        emit Events.Withdrawn(msg.sender, to, amount);
        if (!_pay(to, amount)) revert Errors.TransferFailed();
    }

    /// @notice Moves prepaid balance: one's own, or any by a module, which asks only on its own caller's behalf.
    function move(address from, address to, uint256 amount) external {
        if (msg.sender != from && !_isModule(msg.sender)) revert Errors.NotAllowed();
        if (to == address(0)) revert Errors.ZeroAddress();
        _debit(from, amount);
        _credit(to, amount);
        emit Events.Moved(from, to, amount);
    }

    // ---- inside

    function _isModule(address caller) internal view virtual returns (bool);

    function _deposit(address owner, uint256 amount) private {
        if (amount == 0) revert Errors.ZeroAmount();
        if (owner == address(0)) revert Errors.ZeroAddress();
        _credit(owner, amount);
        emit Events.Deposited(owner, amount);
    }

    function _load(address owner) internal view returns (Account memory) {
        return Accounts.unpack(_accounts[owner]).rolled(block.timestamp / AUDIT_EPOCH);
    }

    function _save(address owner, Account memory a) internal {
        _accounts[owner] = a.pack();
    }

    function _credit(address owner, uint256 amount) internal {
        Account memory a = _load(owner);
        a.credit(amount);
        _save(owner, a);
    }

    function _debit(address owner, uint256 amount) internal {
        Account memory a = _load(owner);
        a.debit(amount);
        _save(owner, a);
    }

    /// @dev Returns false instead of reverting, and reads no return data, so that a recipient can harm only itself.
    function _pay(address to, uint256 amount) internal returns (bool paid) {
        if (address(edge) != address(0)) {
            edge.pay(to, amount);
            return true;
        }
        uint256 limit = ACCEPT_GAS;
        assembly ("memory-safe") {
            paid := call(limit, to, amount, 0, 0, 0, 0)
        }
    }
}
